"""torchvision's detectors with stated numbers of boxes, as counting has no values.

How many boxes a suppression leaves depends on the picture. What costs something follows from their
number alone: heads run on each proposal or detection, and cutting a box out of a map multiplies and
adds nothing by our convention. So the most that a detector takes is counted.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

_DENSE = ("RetinaNet", "FCOS", "SSD")
"""Detectors of one stage: their heads run on whole maps."""
_REGIONS = "GeneralizedRCNN"
"""The class of those of two stages: Faster, Mask and Keypoint R-CNN."""


@contextmanager
def stated_boxes(module: nn.Module) -> Iterator[list[str]]:
    """Inside, the detectors in `module` don't look at values; yields what they take, in words."""
    taken: list[str] = []
    detectors = [part for part in module.modules() if _family(part)]
    for part in detectors:
        part.forward = partial(_forward, part, taken)
    try:
        yield taken
    finally:
        for part in detectors:
            del part.forward


def _family(module: nn.Module) -> str:
    """The name of its class that is known here; empty for what is none of torchvision's."""
    if "torchvision.models.detection" not in sys.modules:
        return ""
    names = [
        kind.__name__
        for kind in type(module).__mro__
        if kind.__module__.startswith("torchvision.models.detection.")
    ]
    return next((name for name in names if name in (*_DENSE, _REGIONS)), "")


def _forward(
    detector: Any, taken: list[str], images: Sequence[Tensor], targets: None = None
) -> list[dict[str, Tensor]]:
    """What the detector would give of the images, with as many boxes as it takes at most."""
    sizes = [tuple(image.shape[-2:]) for image in images]
    batch = detector.transform([image for image in images], None)[0].tensors  # noqa: C416
    features = detector.backbone(batch)
    maps = [features] if isinstance(features, Tensor) else list(features.values())
    name = type(detector).__name__
    if _family(detector) != _REGIONS:
        detector.head(maps)
        count = int(detector.detections_per_img)
        return [_found(batch, count) for _ in sizes]
    objectness, _ = detector.rpn.head(maps)
    before = detector.rpn.pre_nms_top_n()
    anchors = sum(min(before, part[0].numel()) for part in objectness)
    proposals = min(detector.rpn.post_nms_top_n(), anchors)
    heads = detector.roi_heads
    count = min(heads.detections_per_img, proposals)
    words = f"{name} with {proposals:,} proposals"
    heads.box_predictor(heads.box_head(_cut(heads.box_roi_pool, maps, len(sizes) * proposals)))
    found = [_found(batch, count) for _ in sizes]
    for kind, has in (("mask", heads.has_mask()), ("keypoint", heads.has_keypoint())):
        if not has:
            continue
        words += f" and {count:,} detections"
        regions = _cut(getattr(heads, f"{kind}_roi_pool"), maps, len(sizes) * count)
        out = getattr(heads, f"{kind}_predictor")(getattr(heads, f"{kind}_head")(regions))
        for result, size in zip(found, sizes, strict=True):
            shape = (count, 1, *size) if kind == "mask" else (count, out.shape[1], 3)
            result[f"{kind}s"] = batch.new_empty(shape)
    taken.append(f"{words} an image, the most that it takes")
    return found


def _cut(pool: Any, maps: Sequence[Tensor], boxes: int) -> Tensor:
    """So many boxes, cut out of the maps."""
    return maps[0].new_empty((boxes, maps[0].shape[1], *pool.output_size))


def _found(batch: Tensor, count: int) -> dict[str, Tensor]:
    return {
        "boxes": batch.new_empty((count, 4)),
        "labels": batch.new_empty((count,)).long(),
        "scores": batch.new_empty((count,)),
    }

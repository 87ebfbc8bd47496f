"""Boxes that overlap and confidences: suppression, fusion, a classifier of opacity / none."""

import importlib
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from nas.data.boxes import Size
from nas.errors import NasError
from nas.metrics.boxes import Boxes, areas, checked_boxes, scored_boxes
from nas.metrics.finite import finite_list


def to_original(boxes_B4: ArrayLike, original_size: Size, input_size: Size) -> Boxes:
    """Boxes (B, 4) of a network's input in the pixels of the original image, clipped to it.

    The sizes come in the same order as in `nas.data.boxes.scaled_boxes`, the way there.
    """
    (height, width), (new_height, new_width) = _checked(input_size), _checked(original_size)
    by_x, by_y = new_width / width, new_height / height
    return clipped(checked_boxes(boxes_B4) * (by_x, by_y, by_x, by_y), original_size)


def clipped(boxes_B4: ArrayLike, size: Size) -> Boxes:
    """The part of each box (B, 4) that lies within the image; one beyond its edge has no area."""
    height, width = _checked(size)
    return np.clip(checked_boxes(boxes_B4), 0, (width, height, width, height))


def drop_vanished(boxes_B4: ArrayLike) -> tuple[Boxes, NDArray[np.intp]]:
    """The boxes (K, 4) that have an area, and which of the B they are, to index scores with."""
    boxes = checked_boxes(boxes_B4)
    kept_K = np.flatnonzero(areas(boxes) > 0)
    return boxes[kept_K], kept_K


def _checked(size: Size) -> Size:
    height, width = size
    if height <= 0 or width <= 0:
        raise ValueError(f"an image of height {height} and width {width}")
    return size


_INSTALL = {
    "torchvision": "pip install --upgrade torch torchvision",
    "ensemble_boxes": "pip install 'compact-nas[xray]'",
}
_LEAST_SCORE = float(np.finfo(np.float32).tiny)
"""Fusion sums in float32, where lower scores are lost, and a score of 0 alone has no mean."""


def suppress(boxes_B4: ArrayLike, scores_B: ArrayLike, max_iou: float) -> NDArray[np.intp]:
    """Which boxes are kept, by falling score; equal scores in the order given.

    A box is dropped if it overlaps one that is kept before it by more than `max_iou`
    (`torchvision.ops.nms`). Raises NasError without torchvision.
    """
    boxes, scores = scored_boxes(boxes_B4, scores_B)
    nms = _import_library("torchvision.ops").nms
    kept: NDArray[np.intp] = nms(torch.from_numpy(boxes), torch.from_numpy(scores), max_iou).numpy()
    return kept


def fuse(
    boxes: Sequence[ArrayLike],
    scores: Sequence[ArrayLike],
    size: Size,
    min_iou: float,
    skip_score: float = 0.0,
) -> tuple[Boxes, NDArray[np.float64]]:
    """Weighted boxes fusion: boxes (F, 4) and scores (F,) by falling score.

    Boxes that overlap by more than `min_iou` become one: the mean of their corners weighed by
    score. Its score is the mean of theirs, times boxes over lists where boxes are fewer: a box
    that few of the lists have gets a lower score (Solovyev et al. 2021, Weighted boxes fusion, as
    in the package ensemble-boxes).

    Args:
        boxes: (B, 4) of each network or symmetry, in pixels of the same image; clipped to it.
        scores: (B,) of each; boxes below `skip_score`, of score 0 or without area are ignored.
        size: (height, width) of the image.

    Raises NasError without the package ensemble-boxes.
    """
    if len(boxes) != len(scores):
        raise ValueError(f"{len(boxes)} lists of boxes, but {len(scores)} of scores")
    height, width = size
    to_pixels_4 = np.array((width, height, width, height), np.float64)
    within = [
        _within(boxes_B4, scores_B, size, to_pixels_4, max(skip_score, _LEAST_SCORE))
        for boxes_B4, scores_B in zip(boxes, scores, strict=True)
    ]
    fused_F4, score_F, _ = _import_library("ensemble_boxes").weighted_boxes_fusion(
        [boxes_B4 for boxes_B4, _ in within],
        [scores_B for _, scores_B in within],
        [np.zeros(len(scores_B), np.int64) for _, scores_B in within],
        iou_thr=min_iou,
    )
    return clipped(fused_F4 * to_pixels_4, size), score_F  # float32 may end beyond an edge


def _within(
    boxes_B4: ArrayLike,
    scores_B: ArrayLike,
    size: Size,
    to_pixels_4: NDArray[np.float64],
    least_score: float,
) -> tuple[Boxes, NDArray[np.float64]]:
    """Boxes in 0..1 of the image, and scores, of those that are not ignored."""
    boxes, scores = scored_boxes(boxes_B4, scores_B)
    boxes, kept = drop_vanished(clipped(boxes, size) / to_pixels_4)
    strong = scores[kept] >= least_score
    return boxes[strong], scores[kept][strong]


def _import_library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision's compiled part
        root = name.split(".")[0]
        reason = str(error).splitlines()[0]
        raise NasError(f"{root} can't be imported ({reason}): {_INSTALL[root]}") from error


OPACITY_EXPONENT = 0.3
"""Of 0.1, 0.2, 0.3 and 0.4 the one of the highest mAP (0.2619) in the seed's records."""
NONE_LIMIT = 0.8
"""Probability of `none` above which the seed first dropped an image's boxes."""


def weighed_by_opacity(
    scores_B: ArrayLike, none_probability: float, exponent: float = OPACITY_EXPONENT
) -> NDArray[np.float64]:
    """Scores (B,) of an image's boxes, times (1 - none)^exponent.

    The order within an image stays; boxes of images that are sure to have an opacity move above
    those of others. Raises ValueError for a probability outside of 0..1 and a negative exponent.
    """
    if exponent < 0:
        raise ValueError(f"exponent {exponent} is negative")
    weight = none_confidence(none_probability) ** exponent
    weighed_B: NDArray[np.float64] = finite_list(scores_B, "scores") * weight
    return weighed_B


def dropped_where_none(
    boxes_B4: ArrayLike, scores_B: ArrayLike, none_probability: float, limit: float = NONE_LIMIT
) -> tuple[Boxes, NDArray[np.float64]]:
    """An image's boxes and scores, or none of them where `none` is likelier than `limit`.

    Average precision loses by it where scores are weighed already: a false alarm of low confidence
    costs next to nothing, a hit that is dropped is lost.
    """
    boxes, scores = scored_boxes(boxes_B4, scores_B)
    kept = slice(0) if _probability(none_probability) > limit else slice(None)
    return boxes[kept], scores[kept]


def none_confidence(opacity_probability: float) -> float:
    """Confidence of `none`, 1 - p. Raises ValueError for a probability outside of 0..1."""
    return 1 - _probability(opacity_probability)


def _probability(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"probability {value} is not in 0..1")
    return float(value)

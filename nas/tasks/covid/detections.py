"""Boxes found in an image, decoded from a network's outputs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from blocks import STRIDES, DetectionOutput
from nas.errors import NasError
from nas.metrics.boxes import Boxes
from nas.spec.pyramid import map_sizes
from nas.tasks.outputs import not_finite

RANGE_STRIDES = (4.0, 8.0)
"""A map is for boxes whose farthest side is so many strides from the location; the finest map is
for smaller ones too, the coarsest for larger ones (FCOS, section 3.2)."""


@lru_cache(maxsize=64)
def location_table(height: int, width: int) -> Tensor:
    """(P, 3) float32 on the CPU: x and y of each location in pixels of the input, and its stride.

    Those of the finest map come first, row by row; a location is the centre of the stride x stride
    pixels that it stands for. Do not write to it.
    """
    parts = []
    for stride, size in zip(STRIDES, map_sizes((1, height, width)), strict=True):
        y_HW, x_HW = torch.meshgrid(*(torch.arange(side) for side in size), indexing="ij")
        centres = torch.stack([x_HW, y_HW], dim=-1).reshape(-1, 2).float().add(0.5).mul(stride)
        parts.append(torch.cat([centres, torch.full((len(centres), 1), float(stride))], dim=1))
    return torch.cat(parts)


@lru_cache(maxsize=64)
def reach_table(height: int, width: int) -> Tensor:
    """(P, 2) float32: the least and the largest distance of a box's farthest side, in pixels."""
    stride_P = location_table(height, width)[:, 2]
    low, high = (share * stride_P for share in RANGE_STRIDES)
    low = low.masked_fill(stride_P == STRIDES[0], 0.0)
    high = high.masked_fill(stride_P == STRIDES[-1], torch.inf)
    return torch.stack([low, high], dim=1)


def boxes_at(distances_NP4: Tensor, locations_P3: Tensor) -> Tensor:
    """Boxes (N, P, 4) as x1, y1, x2, y2 from their sides' distances left, top, right, bottom."""
    centre_P2 = locations_P3[:, :2]
    return torch.cat(
        [centre_P2 - distances_NP4[..., :2], centre_P2 + distances_NP4[..., 2:]], dim=-1
    )


SCORE_THRESH = 0.01
"""Boxes with lower scores are dropped: they no longer changed the average precision."""
NMS_THRESH = 0.5
"""IoU above which the box of the lower score is suppressed."""
TOPK_CANDIDATES = 500
"""Boxes of the highest scores in an image on which suppression is run."""
DETECTIONS_PER_IMG = 100
"""Most boxes of an image that are kept."""


@dataclass(frozen=True, eq=False)
class Detections:
    """The boxes found in one image, by falling score."""

    boxes_B4: Boxes
    """x1, y1, x2, y2 in pixels of the input."""
    scores_B: NDArray[np.float64]
    finite: bool = True
    """Whether the network's outputs were numbers: boxes of others mean nothing."""
    classes_B: NDArray[np.int64] | None = None
    """Number of each box's class; None where there is one class only."""

    def of_class(self, number: int) -> tuple[Boxes, NDArray[np.float64]]:
        """Boxes (B, 4) and scores (B,) of one class."""
        if self.classes_B is None:
            chosen_B = np.full(len(self.scores_B), number == 0)
        else:
            chosen_B = self.classes_B == number
        return self.boxes_B4[chosen_B], self.scores_B[chosen_B]

    @classmethod
    def none(cls) -> "Detections":
        """No box."""
        return cls(np.zeros((0, 4)), np.zeros(0))


Found = DetectionOutput | list["Detections"]
"""Outputs of a detector: values at all locations, or the boxes themselves of a whole detector."""


def found_in(
    outputs: Found, size: tuple[int, int], max_iou: float = NMS_THRESH
) -> list[Detections]:
    """The boxes of each image of a batch, by falling score; see `decode`.

    Raises NasError where boxes of a whole detector should overlap by more than `NMS_THRESH`: it has
    suppressed them itself.
    """
    if not isinstance(outputs, DetectionOutput):
        if max_iou > NMS_THRESH:
            raise NasError(
                f"{max_iou:g} has no effect on a whole detector, which has suppressed boxes by "
                f"itself; allowed: 0 to {NMS_THRESH}",
                key="--max-iou",
            )
        return outputs
    wrong = not_finite(outputs).tolist()
    return [
        replace(item, finite=not bad)
        for item, bad in zip(decode(outputs, size, max_iou), wrong, strict=True)
    ]


def decode(
    outputs: DetectionOutput, size: tuple[int, int], max_iou: float = NMS_THRESH
) -> list[Detections]:
    """The boxes of each image of a batch whose input has that height and width.

    A score is the geometric mean of class probability and centre-ness, as torchvision's FCOS has
    it. Boxes are clipped to the image; of those that overlap by more than `max_iou` the best is
    kept. With several classes a
    location has a score in each, and boxes of different classes don't suppress each other.
    """
    from torchvision.ops import clip_boxes_to_image

    locations_P3 = location_table(*size).to(outputs.distances_NP4.device)
    boxes_NP4 = boxes_at(outputs.distances_NP4.float(), locations_P3)
    scores_NPK = class_scores(outputs).nan_to_num(0)  # sorted, NaN would stand before numbers
    pairs = zip(clip_boxes_to_image(boxes_NP4, size), scores_NPK, strict=True)
    return [_of_image(boxes_P4, scores_PK, max_iou) for boxes_P4, scores_PK in pairs]


def class_scores(outputs: DetectionOutput) -> Tensor:
    """(N, P, K) geometric mean of class probability and centre-ness at each location."""
    centre_NP1 = outputs.centre_logits_NP.float().sigmoid()[..., None]
    return (outputs.class_logits_NPK.float().sigmoid() * centre_NP1).sqrt()


def location_scores(outputs: DetectionOutput) -> Tensor:
    """(N, P) score of the first class at each location."""
    return class_scores(outputs)[..., 0]


def _of_image(boxes_P4: Tensor, scores_PK: Tensor, max_iou: float) -> Detections:
    from torchvision.ops import batched_nms

    classes = scores_PK.shape[1]
    scores, order = scores_PK.flatten().sort(descending=True, stable=True)
    count = int((scores[:TOPK_CANDIDATES] >= SCORE_THRESH).sum())
    order, scores = order[:count], scores[:count]
    boxes, numbers = boxes_P4[order // classes], order % classes
    sided = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(dim=1)
    boxes, scores, numbers = boxes[sided], scores[sided], numbers[sided]
    chosen = batched_nms(boxes, scores, numbers, max_iou)[:DETECTIONS_PER_IMG]
    return Detections(
        boxes[chosen].cpu().numpy().astype(np.float64),
        scores[chosen].cpu().numpy().astype(np.float64),
        classes_B=None if classes == 1 else numbers[chosen].cpu().numpy(),
    )


def mean_of(outputs: Sequence[Found]) -> Found:
    """The outputs of several networks as one: see `mean_output`.

    Boxes of whole detectors are gathered instead, and of those that overlap the best is kept.
    Raises ValueError for networks of both kinds.
    """
    dense = [item for item in outputs if isinstance(item, DetectionOutput)]
    if len(dense) == len(outputs):
        return mean_output(dense)
    if dense:
        raise ValueError("no mean of a whole detector and one with the detection head")
    images = zip(*(item for item in outputs if isinstance(item, list)), strict=True)
    return [_gathered(image) for image in images]


def _gathered(found: Sequence[Detections]) -> Detections:
    from torchvision.ops import nms

    boxes_B4 = np.concatenate([item.boxes_B4 for item in found])
    scores_B = np.concatenate([item.scores_B for item in found])
    kept = nms(torch.from_numpy(boxes_B4), torch.from_numpy(scores_B), NMS_THRESH).numpy()
    return Detections(boxes_B4[kept], scores_B[kept])


def mean_output(outputs: Sequence[DetectionOutput]) -> DetectionOutput:
    """The mean of several networks' outputs: of their probabilities and of the boxes' sides.

    All must have the same locations. The sides are weighted by the class probabilities there, so
    that a network that sees nothing does not pull a box.
    """
    weight_MNP = torch.stack([item.class_logits_NPK.float().sigmoid().amax(2) for item in outputs])
    weight_MNP = weight_MNP.clamp(min=torch.finfo(weight_MNP.dtype).tiny)  # where all see nothing
    weight_MNP1 = (weight_MNP / weight_MNP.sum(dim=0))[..., None]
    distances_MNP4 = torch.stack([item.distances_NP4.float() for item in outputs])
    return DetectionOutput(
        _mean_logit([item.class_logits_NPK for item in outputs]),
        (weight_MNP1 * distances_MNP4).sum(dim=0),
        _mean_logit([item.centre_logits_NP for item in outputs]),
    )


def _mean_logit(logits: Sequence[Tensor]) -> Tensor:
    mean = torch.stack([item.float().sigmoid() for item in logits]).mean(dim=0)
    return mean.logit(eps=1e-7)


class WholeDetector(nn.Module, ABC):
    """Interface of a `model:` with `head: none` for the detection task.

    `forward` takes (N, C, H, W), normalised, and gives a list of `Detections`, one an image, in
    evaluation mode.
    """

    of_classes: tuple[str, ...] = ()
    """Modules of `library_network` with outputs for each class: a file's may have others."""

    @property
    def library_network(self) -> nn.Module:
        """The network that files of its library's weights have the names of."""
        return self

    @abstractmethod
    def training_loss(self, x_NCHW: Tensor, boxes: tuple[Tensor, ...]) -> Tensor:
        """The loss of a training batch, a scalar; `boxes` (B, 4) are x1 y1 x2 y2 in pixels."""

    @abstractmethod
    def for_counting(self) -> nn.Module:
        """The parts that multiply and add, as one module of (N, C, H, W) that looks at no value."""

    @abstractmethod
    def forward(self, x_NCHW: Tensor) -> list[Detections]:
        """The boxes found in each image."""

"""What a batch of X-rays is compared with."""

from dataclasses import dataclass

import torch
from torch import Tensor

from nas.data.xray_set import XraySet


@dataclass(frozen=True, eq=False)
class BoxTargets:
    """The opacities of a training batch's images, where the network sees them."""

    boxes: tuple[Tensor, ...]
    """float32 (B, 4) of each image: x1, y1, x2, y2 in pixels of the input, on its device."""
    labels_N: Tensor
    """int64: see `XraySet.labels_N`."""
    size: tuple[int, int]
    """Height and width of the input."""


@dataclass(frozen=True, eq=False)
class PlacedXrays:
    """Which images of a set a batch holds, in evaluation."""

    xrays: XraySet
    places: range


def boxes_of(xrays: XraySet, places: list[int], device: torch.device) -> tuple[Tensor, ...]:
    """The boxes of these images of a set; fresh memory."""
    return tuple(torch.tensor(xrays.boxes[place], device=device).reshape(-1, 4) for place in places)

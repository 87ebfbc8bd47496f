"""The places of a detector's maps, where each of its classes and boxes belongs."""

from functools import lru_cache

import torch
from torch import Tensor

from blocks import STRIDES
from nas.spec.pyramid import map_sizes

RANGE_STRIDES = (4.0, 8.0)
"""A map is for boxes whose farthest side, from the place on, is so many strides away; the finest
map is for smaller ones too, the coarsest for larger ones (FCOS, section 3.2)."""


@lru_cache(maxsize=64)
def place_table(height: int, width: int) -> Tensor:
    """(P, 3) float32 on the CPU: x and y of each place in pixels of the input, and its stride.

    The finest map's come first, row by row; a place is the middle of the stride x stride pixels
    that it stands for. Not to be written to.
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
    stride_P = place_table(height, width)[:, 2]
    low, high = (share * stride_P for share in RANGE_STRIDES)
    low = low.masked_fill(stride_P == STRIDES[0], 0.0)
    high = high.masked_fill(stride_P == STRIDES[-1], torch.inf)
    return torch.stack([low, high], dim=1)


def boxes_at(distances_NP4: Tensor, places_P3: Tensor) -> Tensor:
    """Boxes (N, P, 4) as x1, y1, x2, y2 from their sides' distances left, top, right, bottom."""
    centre_P2 = places_P3[:, :2]
    return torch.cat(
        [centre_P2 - distances_NP4[..., :2], centre_P2 + distances_NP4[..., 2:]], dim=-1
    )

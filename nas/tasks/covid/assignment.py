"""Which place of a detector answers for which box, in training (FCOS, Tian et al. 2019).

N images, P places, B boxes of an image, filled up with boxes without area.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Assigned(NamedTuple):
    """What the places of a batch are to say."""

    positive_NP: Tensor
    """bool: whether the place answers for a box."""
    box_NP4: Tensor
    """That box, in pixels; without meaning elsewhere."""
    centreness_NP: Tensor
    """How near the place is to the middle of it, 0 to 1 (eq. 3); 0 elsewhere."""


def padded_boxes(boxes: list[Tensor]) -> Tensor:
    """(N, B, 4) float32 of N images' boxes, filled up with zeros to B of at least 1."""
    most = max([1, *(len(image) for image in boxes)])
    padded = boxes[0].new_zeros((len(boxes), most, 4))
    for row, image in zip(padded, boxes, strict=True):
        row[: len(image)] = image
    return padded


def assign(
    boxes_NB4: Tensor, places_P3: Tensor, reach_P2: Tensor, centre_radius: float
) -> Assigned:
    """The box that each place answers for.

    A place may answer for a box if it lies in it, within `centre_radius` strides of its middle, and
    if the box's farthest side lies within the reach of the place's map. Of several it is the
    smallest box (section 3.2).
    """
    x_P, y_P, stride_P = places_P3.unbind(1)
    x1, y1, x2, y2 = (side_NB[:, None] for side_NB in boxes_NB4.unbind(2))
    sides_NPB4 = torch.stack(
        [x_P[:, None] - x1, y_P[:, None] - y1, x2 - x_P[:, None], y2 - y_P[:, None]], dim=-1
    )
    middle_NPB2 = torch.stack([x1 + x2, y1 + y2], dim=-1) / 2
    offset_NPB = (places_P3[:, None, :2] - middle_NPB2).abs().amax(dim=-1)
    farthest_NPB = sides_NPB4.amax(dim=-1)
    allowed_NPB = (
        (sides_NPB4.amin(dim=-1) > 0)
        & (offset_NPB < centre_radius * stride_P[:, None])
        & (farthest_NPB > reach_P2[:, :1])
        & (farthest_NPB <= reach_P2[:, 1:])
    )
    area_NPB = ((x2 - x1) * (y2 - y1)).expand_as(farthest_NPB)
    least_NP, chosen_NP = area_NPB.masked_fill(~allowed_NPB, torch.inf).min(dim=2)
    positive_NP = least_NP.isfinite()
    index_NP14 = chosen_NP[..., None, None].expand(-1, -1, 1, 4)
    sides_NP4 = sides_NPB4.gather(2, index_NP14).squeeze(2)
    box_NP4 = boxes_NB4.gather(1, chosen_NP[..., None].expand(-1, -1, 4))
    return Assigned(positive_NP, box_NP4, _centreness(sides_NP4).where(positive_NP, 0.0))


def _centreness(sides_NP4: Tensor) -> Tensor:
    """sqrt(min(l, r) / max(l, r) x min(t, b) / max(t, b)); 0 outside the box."""
    along, down = sides_NP4[..., 0::2], sides_NP4[..., 1::2]
    ratio = along.amin(-1) / along.amax(-1) * (down.amin(-1) / down.amax(-1))
    inside = sides_NP4.amin(-1) > 0
    return ratio.where(inside, 0.0).clamp(0, 1).sqrt()

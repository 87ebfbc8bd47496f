"""X-rays of which only the opacities are left: what the teacher sees."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nas.data.normalise import Normalise
from nas.spec.preprocess import XrayPreprocess


def inside_boxes(boxes: Sequence[Tensor], size: tuple[int, int], device: torch.device) -> Tensor:
    """bool (N, H, W): the pixels whose centre lies in a box of their image.

    `boxes` are (B, 4) of each image, x1 y1 x2 y2 in pixels; `size` is (height, width).
    """
    y_H, x_W = (torch.arange(side, device=device) + 0.5 for side in size)
    inside_NHW = torch.zeros((len(boxes), *size), dtype=torch.bool, device=device)
    for image, boxes_B4 in enumerate(boxes):
        x1, y1, x2, y2 = boxes_B4.to(device).unsqueeze(-1).unbind(dim=1)
        rows_BH = (y1 <= y_H) & (y_H < y2)
        columns_BW = (x1 <= x_W) & (x_W < x2)
        inside_NHW[image] = (rows_BH[:, :, None] & columns_BW[:, None, :]).any(dim=0)
    return inside_NHW


def masked(x_NCHW: Tensor, boxes: Sequence[Tensor], preprocess: XrayPreprocess) -> Tensor:
    """Normalised images, black outside their boxes; one without boxes is black all over."""
    channels, size = x_NCHW.shape[1], (x_NCHW.shape[2], x_NCHW.shape[3])
    normalise = Normalise(preprocess, channels, x_NCHW.device)
    black_1C11 = normalise(x_NCHW.new_zeros((1, channels, 1, 1)))
    inside_NHW = inside_boxes(boxes, size, x_NCHW.device)
    return torch.where(inside_NHW[:, None], x_NCHW, black_1C11)

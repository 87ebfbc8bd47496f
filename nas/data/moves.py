"""Where the pixels, and the boxes, of training images are moved to: one draw for each image.

N images, H rows, W columns. A point at `s` of an image lies at `t` of the moved one, and along each
axis `s = (t - size / 2) zoom + size / 2 + shift`, or `size` minus that where it runs backwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_VISIBLE = 0.25
"""Share of a box's area that must stay within the image for it to be kept."""


@dataclass(frozen=True, eq=False)
class AxisMove:
    """The move along one axis."""

    size: int
    """Pixels."""
    backwards_N: Tensor
    """bool: mirrored."""
    shift_N: Tensor
    """int64: pixels."""
    zoom_N: Tensor | None = None
    """float32: source pixels a target pixel; None is 1 for all."""

    def positions(self) -> Tensor:
        """(N, size) int64: the pixel that each one of the moved image shows, reflected at edges."""
        target_S = torch.arange(self.size, device=self.shift_N.device)
        position_NS = target_S + self.shift_N[:, None]
        if self.zoom_N is not None:
            middle = self.size / 2
            zoomed_NS = (target_S + 0.5 - middle) * self.zoom_N[:, None] + middle
            position_NS = zoomed_NS.floor().long() + self.shift_N[:, None]
        position_NS = (self.size - 1) - ((self.size - 1) - position_NS.abs()).abs()
        position_NS = position_NS.clamp(min=0)
        return torch.where(self.backwards_N[:, None], (self.size - 1) - position_NS, position_NS)

    def moved(self, low_B: Tensor, high_B: Tensor, image: int) -> tuple[Tensor, Tensor]:
        """The interval from `low_B` to `high_B` of an image, not clipped."""
        if self.backwards_N[image]:
            low_B, high_B = self.size - high_B, self.size - low_B
        shift, middle = float(self.shift_N[image]), self.size / 2
        zoom = 1.0 if self.zoom_N is None else float(self.zoom_N[image])
        low_B, high_B = ((side - shift - middle) / zoom + middle for side in (low_B, high_B))
        return low_B, high_B


@dataclass(frozen=True, eq=False)
class Moves:
    """The moves of a batch of images, of rows and of columns."""

    rows: AxisMove
    columns: AxisMove

    def pixels(self, x_NHWC: Tensor) -> Tensor:
        """The moved images: one gathering of pixels."""
        samples, height, width, channels = x_NHWC.shape
        sample_N = torch.arange(samples, device=x_NHWC.device)
        row_NH = (self.rows.positions() + sample_N[:, None] * height) * width
        pixel_NHW = row_NH[:, :, None] + self.columns.positions()[:, None, :]
        pixels = x_NHWC.view(-1, channels).index_select(0, pixel_NHW.view(-1))
        return pixels.view(x_NHWC.shape)

    def boxes(self, boxes: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The boxes (B, 4) of each image, x1 y1 x2 y2 in pixels, where they are then; clipped.

        Those of which less than a quarter of the area is left are dropped.
        """
        return tuple(self._of_image(boxes_B4, image) for image, boxes_B4 in enumerate(boxes))

    def _of_image(self, boxes_B4: Tensor, image: int) -> Tensor:
        x1, y1, x2, y2 = boxes_B4.unbind(dim=1)
        x1, x2 = self.columns.moved(x1, x2, image)
        y1, y2 = self.rows.moved(y1, y2, image)
        moved_B4 = torch.stack([x1, y1, x2, y2], dim=1)
        limit_4 = moved_B4.new_tensor([self.columns.size, self.rows.size] * 2)
        clipped_B4 = torch.minimum(moved_B4.clamp(min=0), limit_4)
        return clipped_B4[_areas(clipped_B4) > LEAST_VISIBLE * _areas(moved_B4)]


def _areas(boxes_B4: Tensor) -> Tensor:
    return (boxes_B4[:, 2:] - boxes_B4[:, :2]).clamp(min=0).prod(dim=1)

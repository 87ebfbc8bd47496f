"""Augmentation of whole batches of training images, with the moves of their pixels and boxes.

N images, H rows, W columns. A point at `s` of an image lies at `t` of the moved one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from nas.spec.training import TaskAugment
from nas.spec.validate import Flag, Share

LEAST_VISIBLE = 0.25
"""Share of a box's area that must stay within the image for it to be kept."""


class AugmentSpec(TaskAugment):
    """Augmentation of whole batches of training images."""

    kind: Literal["image"] = "image"

    flip: Flag = True
    """Flip left to right with probability 0.5."""
    rotate_180: Flag = False
    """Rotate by 180 degrees with probability 0.5: for objects without an upright position."""
    crop_padding: Annotated[float, Field(strict=True, ge=0, le=0.5)] = 0.1
    """Largest random shift, as a share of each side; the border is padded by reflection."""
    zoom: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.0
    """Largest relative change of size: 0.2 is up to 1.2 times smaller or larger; 0 for none."""
    colour: Share = 0.2
    """Largest relative change of brightness, contrast and saturation."""
    cutout: Annotated[float, Field(strict=True, ge=0, le=0.9)] = 0.0
    """Cutout: side of the erased rectangle as a share of each side; 0 for none."""


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

        Those of which less than a quarter of the area is left are dropped. Further columns, as a
        class, stay with their box.
        """
        return tuple(self._of_image(boxes_B4, image) for image, boxes_B4 in enumerate(boxes))

    def _of_image(self, boxes_B4: Tensor, image: int) -> Tensor:
        x1, y1, x2, y2 = boxes_B4[:, :4].unbind(dim=1)
        x1, x2 = self.columns.moved(x1, x2, image)
        y1, y2 = self.rows.moved(y1, y2, image)
        moved_B4 = torch.stack([x1, y1, x2, y2], dim=1)
        limit_4 = moved_B4.new_tensor([self.columns.size, self.rows.size] * 2)
        clipped_B4 = torch.minimum(moved_B4.clamp(min=0), limit_4)
        kept_B = _areas(clipped_B4) > LEAST_VISIBLE * _areas(moved_B4)
        return torch.cat([clipped_B4, boxes_B4[:, 4:]], dim=1)[kept_B]


def _areas(boxes_B4: Tensor) -> Tensor:
    return (boxes_B4[:, 2:] - boxes_B4[:, :2]).clamp(min=0).prod(dim=1)


_LUMA = (0.299, 0.587, 0.114)
"""Grey from red, green and blue: ITU-R BT.601, as Pillow's mode L."""
_DRAWS = 9
"""Random numbers of one image, drawn whether used or not: switching one change off leaves the
others as they were."""


class BatchAugment:
    """Random flip, rotation, zoom, shift, colour and cutout, different for each image.

    Mirroring, turning, zooming and shifting are one gathering of pixels, done before anything
    becomes floating point.
    """

    def __init__(self, spec: AugmentSpec) -> None:
        self._spec = spec

    def __call__(self, x_NCHW: Tensor, generator: torch.Generator) -> Tensor:
        """A new tensor in channels_last, on the scale of the input: uint8 of 0 to 255, or float
        of 0 to 1. uint8 stays uint8 unless colours change (then float32, still of 0 to 255).
        """
        return self.with_moves(x_NCHW, generator)[0]

    def with_moves(self, x_NCHW: Tensor, generator: torch.Generator) -> tuple[Tensor, Moves]:
        """The same, and where each image's pixels went."""
        highest = 255.0 if x_NCHW.dtype == torch.uint8 else 1.0
        draws = self._draw((_DRAWS, x_NCHW.shape[0]), generator, x_NCHW.device)
        x_NHWC = x_NCHW.permute(0, 2, 3, 1).contiguous()
        zoom_N = None
        if self._spec.zoom:
            draw_N = self._draw((x_NCHW.shape[0],), generator, x_NCHW.device)
            zoom_N = (1 + self._spec.zoom) ** (2 * draw_N - 1)
        moves = self._moves(x_NHWC.shape[1], x_NHWC.shape[2], draws[:4], zoom_N)
        x_NHWC = moves.pixels(x_NHWC)
        if self._spec.colour:
            # A fresh tensor either way, so that what follows may work in place: new memory of a
            # few megabytes costs more than the arithmetic on it.
            x_NHWC = x_NHWC.float()
            self._recolour(x_NHWC, draws[4:7])
            x_NHWC.clamp_(0, highest)
        if self._spec.cutout:
            self._cut_out(x_NHWC, draws[7:9])
        return x_NHWC.permute(0, 3, 1, 2), moves

    def _draw(
        self, shape: tuple[int, ...], generator: torch.Generator, device: torch.device
    ) -> Tensor:
        return torch.rand(shape, generator=generator, device=generator.device).to(device)

    def _moves(self, height: int, width: int, draws: Tensor, zoom_N: Tensor | None) -> Moves:
        mirrored, turned = draws[0] < 0.5, draws[1] < 0.5
        turned = turned & self._spec.rotate_180
        # Turned by 180 degrees: both axes run backwards; mirrored as well: only the rows do.
        mirrored = (mirrored & self._spec.flip) ^ turned
        padding = self._spec.crop_padding
        return Moves(
            AxisMove(height, turned, _shifts(height, padding, draws[2]), zoom_N),
            AxisMove(width, mirrored, _shifts(width, padding, draws[3]), zoom_N),
        )

    def _recolour(self, x_NHWC: Tensor, draws: Tensor) -> None:
        """Brightness b, then contrast c about the mean grey m, then saturation s about the grey g;
        in place.

        All three are linear: s (c b x + (1 - c) b m) + (1 - s) (c b g + (1 - c) b m).
        """
        samples, height, width, channels = x_NHWC.shape
        b_N, c_N, s_N = 1 + self._spec.colour * (2 * draws - 1)
        luma = x_NHWC.new_tensor(_LUMA if channels == 3 else (1 / channels,) * channels)
        grey_NP = (x_NHWC.view(-1, channels) @ luma).view(samples, height * width)
        offset_N = (1 - c_N) * b_N * grey_NP.mean(1)
        grey_NP.mul_(((1 - s_N) * c_N * b_N)[:, None]).add_(offset_N[:, None])
        x_NHWC.view(samples, -1).mul_((s_N * c_N * b_N)[:, None])
        x_NPC = x_NHWC.view(samples, height * width, channels)
        for channel in range(channels):
            x_NPC[:, :, channel].add_(grey_NP)

    def _cut_out(self, x_NHWC: Tensor, draws: Tensor) -> None:
        """Fills a rectangle, wholly inside each image, with the image's mean colour; in place."""
        samples, height, width, channels = x_NHWC.shape
        row_Nh = _rectangle_positions(height, self._spec.cutout, draws[0])
        column_Nw = _rectangle_positions(width, self._spec.cutout, draws[1])
        sample_N = torch.arange(samples, device=x_NHWC.device)
        row_Nh = (row_Nh + sample_N[:, None] * height) * width
        pixel_Nhw = row_Nh[:, :, None] + column_Nw[:, None, :]
        mean_NC = x_NHWC.view(samples, -1, channels).float().mean(1).to(x_NHWC.dtype)
        fill = mean_NC.repeat_interleave(pixel_Nhw[0].numel(), dim=0)
        x_NHWC.view(-1, channels).index_copy_(0, pixel_Nhw.reshape(-1), fill)


def _shifts(size: int, padding: float, draw_N: Tensor) -> Tensor:
    """Pixels (N,), up to `padding` of the side either way."""
    largest = min(round(padding * size), size - 1)
    return (draw_N * (2 * largest + 1)).long() - largest


def _rectangle_positions(size: int, share: float, draw_N: Tensor) -> Tensor:
    """(N, side) positions that one side of the rectangle covers; at least 1."""
    side = max(round(share * size), 1)
    start_N = (draw_N * (size - side + 1)).long()
    return start_N[:, None] + torch.arange(side, device=draw_N.device)

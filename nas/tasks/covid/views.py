"""Test-time augmentation: the eight symmetries of a square, for images and back for boxes."""

from dataclasses import dataclass

from numpy.typing import ArrayLike
from torch import Tensor

from nas.data.boxes import Size
from nas.metrics.boxes import Boxes, checked_boxes


@dataclass(frozen=True)
class View:
    """One way to show an image: mirrored, turned upside down, then transposed."""

    name: str
    mirrored: bool = False
    """Left and right exchanged."""
    upside_down: bool = False
    """Top and bottom exchanged."""
    transposed: bool = False
    """Rows turned into columns: height and width are exchanged."""

    def apply(self, x_NCHW: Tensor) -> Tensor:
        """The images as they are shown, (N, C, W, H) where transposed."""
        axes = [axis for axis, flipped in ((2, self.upside_down), (3, self.mirrored)) if flipped]
        shown = x_NCHW.flip(axes) if axes else x_NCHW
        return shown.transpose(2, 3) if self.transposed else shown

    def boxes_back(self, boxes_B4: ArrayLike, size: Size) -> Boxes:
        """Boxes found in the shown image, (B, 4), where they lie in the image before `apply`.

        `size` is (height, width) of that image.
        """
        height, width = size
        boxes = checked_boxes(boxes_B4)
        if self.transposed:
            boxes = boxes[:, [1, 0, 3, 2]]
        if self.mirrored:
            boxes = (width, 0, width, 0) + boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1)
        if self.upside_down:
            boxes = (0, height, 0, height) + boxes[:, [0, 3, 2, 1]] * (1, -1, 1, -1)
        return boxes


VIEWS = (
    View("as it is"),
    View("mirrored", mirrored=True),
    View("upside down", upside_down=True),
    View("half a turn", mirrored=True, upside_down=True),
    View("transposed", transposed=True),
    View("mirrored, transposed", mirrored=True, transposed=True),
    View("upside down, transposed", upside_down=True, transposed=True),
    View("half a turn, transposed", mirrored=True, upside_down=True, transposed=True),
)
"""All eight; the first four leave height and width."""


def first_views(count: int) -> tuple[View, ...]:
    """The first 1 to 8 views; 1 is the image as it is. Raises ValueError for another count."""
    if not 1 <= count <= len(VIEWS):
        raise ValueError(f"{count} views of {len(VIEWS)}")
    return VIEWS[:count]

"""Boxes between the pixels of an original image and those of a network's input.

A size is (height, width) everywhere; a box (x1, y1, x2, y2) is scaled by the width in x and by the
height in y.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.metrics.boxes import Boxes, areas, checked_boxes

Size = tuple[int, int]
"""(height, width) in pixels."""


def to_input(boxes_B4: ArrayLike, original_size: Size, input_size: Size) -> Boxes:
    """Boxes (B, 4) of an original image in the pixels of the input it was resized to, clipped."""
    return _rescaled(boxes_B4, original_size, input_size)


def to_original(boxes_B4: ArrayLike, original_size: Size, input_size: Size) -> Boxes:
    """Boxes (B, 4) of a network's input in the pixels of the original image, clipped to it.

    The sizes come in the same order as in `to_input`.
    """
    return _rescaled(boxes_B4, input_size, original_size)


def clipped(boxes_B4: ArrayLike, size: Size) -> Boxes:
    """The part of each box (B, 4) that lies within the image; one beyond its edge has no area."""
    height, width = _checked(size)
    return np.clip(checked_boxes(boxes_B4), 0, (width, height, width, height))


def drop_vanished(boxes_B4: ArrayLike) -> tuple[Boxes, NDArray[np.intp]]:
    """The boxes (K, 4) that have an area, and which of the B they are, to index scores with."""
    boxes = checked_boxes(boxes_B4)
    kept_K = np.flatnonzero(areas(boxes) > 0)
    return boxes[kept_K], kept_K


def _rescaled(boxes_B4: ArrayLike, size: Size, new_size: Size) -> Boxes:
    (height, width), (new_height, new_width) = _checked(size), _checked(new_size)
    by_x, by_y = new_width / width, new_height / height
    return clipped(checked_boxes(boxes_B4) * (by_x, by_y, by_x, by_y), new_size)


def _checked(size: Size) -> Size:
    height, width = size
    if height <= 0 or width <= 0:
        raise ValueError(f"an image of height {height} and width {width}")
    return size

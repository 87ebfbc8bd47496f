"""Boxes of a network's input in the pixels of the original image.

A size is (height, width) everywhere; a box (x1, y1, x2, y2) is scaled by the width in x and by the
height in y.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.data.boxes import Size
from nas.metrics.boxes import Boxes, areas, checked_boxes


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

"""Boxes around what is seen in a picture."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels: left, top, right and bottom edge."""

TrueBoxes = NDArray[np.float32]
"""(B, 4), each x1 y1 x2 y2, of what a table says is there."""

Size = tuple[int, int]
"""(height, width) of a picture."""


def clipped_box(box: Box, size: Size) -> Box | None:
    """The part of a box that lies in a picture; None where none does."""
    (x1, y1, x2, y2), (height, width) = box, size
    x1, x2 = max(x1, 0.0), min(x2, float(width))
    y1, y2 = max(y1, 0.0), min(y2, float(height))
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def scaled_boxes(boxes: Sequence[Box], original_size: Size, size: Size) -> TrueBoxes:
    """The boxes of a picture that is resized, each axis by itself."""
    (height, width), (new_height, new_width) = original_size, size
    scale = np.array([new_width / width, new_height / height] * 2)
    scaled: TrueBoxes = (np.array(boxes).reshape(-1, 4) * scale).astype(np.float32)
    return scaled

"""Pictures with boxes as arrays: what a split is in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.boxes import TrueBoxes
from nas.data.dataset import TaskData
from nas.data.decode import Pixels
from nas.data.image.preprocess import ImagePreprocess


@dataclass(frozen=True, eq=False)
class BoxSet:
    """Decoded pictures of one split."""

    pixels: Pixels
    """(N, H, W, C); read-only, and often a memory map of the cache."""
    boxes: tuple[TrueBoxes, ...]
    """(B, 4) of each picture, B from 0: x1 y1 x2 y2 in pixels of the input, clipped to it."""
    box_classes: tuple[NDArray[np.int64], ...]
    """(B,) of each picture: positions in `classes`."""
    original_sizes_N2: NDArray[np.int64]
    """(height, width) of each file."""
    groups: tuple[str, ...]
    """Group of each picture; its own path where it has none."""
    paths: tuple[str, ...]
    """Relative to the data set's folder, sorted."""
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def labels_N(self) -> NDArray[np.int64]:
        """1 for a picture with boxes, else 0."""
        return np.array([len(boxes_B4) > 0 for boxes_B4 in self.boxes], np.int64)

    def truths(self, number: int) -> list[TrueBoxes]:
        """(B, 4) of one class in each picture."""
        pairs = zip(self.boxes, self.box_classes, strict=True)
        return [boxes_B4[classes_B == number] for boxes_B4, classes_B in pairs]


BoxData = TaskData[BoxSet, ImagePreprocess]
"""A data set of pictures with boxes."""

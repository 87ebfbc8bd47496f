"""Images as arrays: what a split is in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.dataset import TaskData
from nas.data.decode import Pixels
from nas.data.image.preprocess import ImagePreprocess


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Decoded images of one split."""

    pixels: Pixels
    """(N, H, W, C); read-only, and often a memory map of the cache."""
    labels_N: NDArray[np.int64]
    """Positions in `classes`."""
    paths: tuple[str, ...]
    """Relative to the data set's folder, sorted."""
    classes: tuple[str, ...]
    original_sizes_N2: NDArray[np.int64] | None = None
    """(height, width) of each file, upright; None of pictures that are made."""

    def __len__(self) -> int:
        return len(self.labels_N)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Images of each class."""
        return tuple(np.bincount(self.labels_N, minlength=len(self.classes)).tolist())


ImageData = TaskData[ImageSet, ImagePreprocess]
"""A data set of pictures."""

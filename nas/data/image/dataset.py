"""Images as arrays: what a split, and a whole data set, are in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.splits import Split

Pixels = NDArray[np.uint8]
"""Pixels of one image (H, W, C) or of many (N, H, W, C), 0 to 255."""


@dataclass(frozen=True)
class UnreadableFile:
    """A file that was named as an image and left out."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Decoded images of one split."""

    pixels: Pixels
    """(N, H, W, C); read-only, and often a memory map of the cache."""
    labels: NDArray[np.int64]
    """(N,), positions in `classes`."""
    paths: tuple[str, ...]
    """Relative to the data set's folder, sorted."""
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Images of each class."""
        return tuple(np.bincount(self.labels, minlength=len(self.classes)).tolist())


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set; a split that was not asked for is None."""

    train: ImageSet | None
    validation: ImageSet | None
    test: ImageSet | None
    classes: tuple[str, ...]
    source: str
    unreadable: tuple[UnreadableFile, ...] = ()
    """Files of the decoded splits that could not be read."""
    made_splits: tuple[Split, ...] = ()
    """Splits that the source does not have, taken from its train split."""
    split_digest: str = ""
    """Digest of which file is in which split, where splits are made; empty where all are given."""
    ignored_files: int = 0
    """Files beside the images: hidden ones, texts, tables."""

    def split(self, name: Split) -> ImageSet:
        """The named split. Raises ValueError if it was not loaded."""
        found: ImageSet | None = getattr(self, name)
        if found is None:
            raise ValueError(f"split {name!r} of {self.source} was not loaded")
        return found

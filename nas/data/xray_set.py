"""X-rays as arrays: what a split, and a whole data set, are in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.boxes import Boxes
from nas.data.image_set import ImageSet, Pixels
from nas.data.siim import OPACITY_CLASSES, STUDY_CLASSES
from nas.data.split_names import Split
from nas.spec.preprocess import XrayLabels

XRAY_CLASSES: dict[XrayLabels, tuple[str, ...]] = {
    "study": STUDY_CLASSES,
    "opacity": OPACITY_CLASSES,
    "boxes": OPACITY_CLASSES[1:],
}
"""Names of what is learned, by the kind of labels; of boxes there is one class."""


@dataclass(frozen=True, eq=False)
class XraySet:
    """Decoded X-rays of one split, in the order of their ids."""

    pixels: Pixels
    """(N, H, W, C); read-only, and often a memory map of the cache."""
    labels_N: NDArray[np.int64]
    """The class of the image's study, else 1 for an image with boxes and 0 for one without."""
    boxes: tuple[Boxes, ...]
    """(B, 4) of each image, B from 0: x1 y1 x2 y2 in pixels of the input, clipped to it."""
    original_sizes_N2: NDArray[np.int64]
    """(height, width) of each file."""
    image_ids: tuple[str, ...]
    study_ids: tuple[str, ...]
    patients: tuple[str, ...]
    """Group of each image: its patient where one is known, else its study."""
    paths: tuple[str, ...]
    """Relative to the data set's folder."""
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels_N)

    @property
    def images(self) -> ImageSet:
        """The same pixels and labels, as `nas.data.batches` takes them."""
        named = self.classes if len(self.classes) > 1 else OPACITY_CLASSES
        return ImageSet(self.pixels, self.labels_N, self.paths, named)


@dataclass(frozen=True, eq=False)
class XrayData:
    """A data set of X-rays; a split that was not asked for is None."""

    train: XraySet | None
    validation: XraySet | None
    test: XraySet | None
    classes: tuple[str, ...]
    source: str
    unreadable: tuple[str, ...] = ()
    """`PATH: REASON` or `TABLE:LINE: REASON` of each file, row and box that was left out."""
    made_splits: tuple[Split, ...] = ()
    """Splits that the source does not have, taken from its train split."""
    made_digest: str = ""
    """Digest of which image is in which split, where splits are made; else empty."""
    notes: tuple[str, ...] = ()
    """What was done with the data that nobody asked for, in a line each."""
    ignored_files: int = 0
    """X-rays that no usable row names."""

    def split(self, name: Split) -> XraySet:
        """The named split. Raises ValueError if it was not loaded."""
        found: XraySet | None = getattr(self, name)
        if found is None:
            raise ValueError(f"split {name!r} of {self.source} was not loaded")
        return found

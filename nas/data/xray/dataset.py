"""X-rays before they are decoded, and as arrays with what the tables say of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.boxes import Box, Size, TrueBoxes, clipped_box, scaled_boxes
from nas.data.cache import DecodedFiles
from nas.data.dataset import TaskData
from nas.data.decode import Pixels
from nas.data.splits import Split
from nas.data.xray.preprocess import XrayLabels, XrayPreprocess
from nas.data.xray.siim import OPACITY_CLASSES, STUDY_CLASSES


@dataclass(frozen=True)
class ListedXray:
    """An image's file, what the tables say of it, and where it belongs."""

    id: str
    study_id: str
    key: str
    """Path relative to the data set's folder, with forward slashes."""
    path: Path
    study_class: str
    boxes: tuple[Box, ...]
    """In the file's own pixels, as the table has them."""
    unmarked: bool
    """Has no boxes while another image of its study has: of such copies one is annotated."""
    place: str
    """`TABLE:LINE` of the image's row."""
    split: Split
    patient: str | None = None
    group: str = ""
    """Its patient where one is known, else its study: images of one group go together."""
    fold: int | None = None
    """0 to 4; None in a given test split."""

    def class_by(self, labels: XrayLabels) -> str:
        """Name of its class: its study's, else whether it has a box."""
        if labels == "study":
            return self.study_class
        return "opacity" if self.boxes else "none"


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
    boxes: tuple[TrueBoxes, ...]
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
    def box_classes(self) -> None:
        """There is one class of boxes."""

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Images of each of the classes that `labels_N` numbers."""
        classes = max(len(self.classes), len(OPACITY_CLASSES))
        return tuple(np.bincount(self.labels_N, minlength=classes).tolist())


XrayData = TaskData[XraySet, XrayPreprocess]
"""A data set of X-rays."""


def labelled_xrays(
    members: Sequence[ListedXray], decoded: DecodedFiles, labels: XrayLabels, left_out: list[str]
) -> XraySet:
    """The readable images with their labels and boxes; a line to `left_out` for each other one, and
    for each box that lies outside its image.

    An image that had boxes, and none is left, has an opacity that nobody can find: it is left out
    unless its study's class is learned.
    """
    left_out += [f"{members[n].key}: {why}" for n, why in decoded.unreadable.items()]
    readable = [item for n, item in enumerate(members) if n not in decoded.unreadable]
    size = (decoded.pixels.shape[1], decoded.pixels.shape[2])
    originals = [(int(height), int(width)) for height, width in decoded.original_sizes_N2]
    boxes = [
        _input_boxes(item, original, size, left_out)
        for item, original in zip(readable, originals, strict=True)
    ]
    kept = [n for n, item in enumerate(readable) if len(boxes[n]) or not item.boxes]
    if labels == "study":
        kept = list(range(len(readable)))
    items, names = [readable[n] for n in kept], _names(labels)
    # All of them are the cache's own memory, some are a copy.
    pixels = decoded.pixels if len(kept) == len(readable) else decoded.pixels[kept]
    pixels.flags.writeable = False
    return XraySet(
        pixels,
        np.array([names.index(item.class_by(labels)) for item in items], dtype=np.int64),
        tuple(boxes[n] for n in kept),
        decoded.original_sizes_N2[kept],
        tuple(item.id for item in items),
        tuple(item.study_id for item in items),
        tuple(item.group for item in items),
        tuple(item.key for item in items),
        XRAY_CLASSES[labels],
    )


def label_names(found: XraySet, labels: XrayLabels) -> list[str]:
    """Names of the labels that its images have, each once; where boxes are learned too."""
    names = _names(labels)
    return [names[number] for number in np.unique(found.labels_N)]


def _names(labels: XrayLabels) -> tuple[str, ...]:
    """Of the numbers in `XraySet.labels_N`."""
    return STUDY_CLASSES if labels == "study" else OPACITY_CLASSES


def _input_boxes(
    item: ListedXray, original_size: Size, size: Size, left_out: list[str]
) -> TrueBoxes:
    """The boxes of an image in pixels of the input."""
    height, width = original_size
    kept = []
    for box in item.boxes:
        clipped = clipped_box(box, original_size)
        if clipped is not None:
            kept.append(clipped)
            continue
        edges = " ".join(f"{edge:g}" for edge in box)
        left_out.append(f"{item.place}: box {edges} lies outside the image, {height} x {width}")
    return scaled_boxes(kept, original_size, size)

"""What a data set of X-rays holds: classes, patients, boxes, sizes and folds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nas.data.cache import default_cache_dir
from nas.data.files import Progress
from nas.data.normalise import channel_statistics
from nas.data.splits import SPLITS, Split
from nas.data.statistics import DataStatistics, Spread, StatisticsRequest, copy_lines, split_table
from nas.data.xray.dataset import XrayData, XraySet
from nas.data.xray.folds import FOLDS
from nas.data.xray.listing import list_xrays
from nas.data.xray.load import load_listed_xrays
from nas.data.xray.preprocess import XrayPreprocess
from nas.data.xray.siim import STUDY_CLASSES
from nas.spec.definition import InputSpec

_SIDE = 256
"""Height and width in pixels at which brightness is measured."""


@dataclass(frozen=True)
class ShareSpread:
    """Smallest, median and largest of some shares."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, values_B: NDArray[np.float64]) -> Self | None:
        """The spread of some shares; None for none."""
        if not len(values_B):
            return None
        return cls(*(round(float(value), 4) for value in np.percentile(values_B, (0, 50, 100))))

    def __str__(self) -> str:
        return f"{self.minimum:.1%} to {self.maximum:.1%}, median {self.median:.1%}"


@dataclass(frozen=True)
class SplitXrays:
    """Readable images of one split."""

    split: Split
    given: bool
    """False where the split was taken from train."""
    class_counts: tuple[int, ...]
    """Images of each of the study's classes."""
    images: int
    with_boxes: int
    studies: int
    patients: int
    """Patients where they are known, else studies."""


@dataclass(frozen=True)
class XrayStatistics(DataStatistics):
    """Figures of one data set of X-rays."""

    source: str
    classes: tuple[str, ...]
    splits: tuple[SplitXrays, ...]
    boxes_per_image: tuple[int, ...]
    """Images with no box, with one, with two and so on."""
    box_height: ShareSpread | None
    """Of the image's height; null without boxes."""
    box_width: ShareSpread | None
    height: Spread
    """Of the files, in pixels."""
    width: Spread
    mean: float
    """Over all pixels of the training images, on the scale of 0 to 1."""
    std: float
    fold_images: tuple[int, ...]
    """Images of each fold, read or not; a given test split is in none."""
    notes: tuple[str, ...]
    unreadable: tuple[str, ...]
    """`PATH: REASON` or `TABLE:LINE: REASON` of what is left out."""
    copies: tuple[str, ...]
    """Files whose content stands in another split too."""
    ignored_files: int

    def lines(self) -> list[str]:
        boxes = ", ".join(f"{n}: {count}" for n, count in enumerate(self.boxes_per_image))
        lines = [
            self.source,
            "",
            *self._split_table(),
            "",
            f"boxes an image    {boxes} images",
            f"box height        {self.box_height or 'none'} of the image's",
            f"box width         {self.box_width or 'none'} of the image's",
            f"height            {self.height}",
            f"width             {self.width}",
            f"mean              {self.mean:.4f}",
            f"std               {self.std:.4f}",
            f"folds             {', '.join(map(str, self.fold_images))} images",
            f"ignored files     {self.ignored_files}",
            *(f"note              {note}" for note in self.notes),
            f"left out          {len(self.unreadable)} files, rows and boxes",
        ]
        lines += [f"  {line}" for line in self.unreadable]
        return lines + copy_lines(self.copies)

    def _split_table(self) -> list[str]:
        rows = [
            (name, *(str(split.class_counts[position]) for split in self.splits))
            for position, name in enumerate(self.classes)
        ]
        rows += [
            ("images", *(str(split.images) for split in self.splits)),
            ("with boxes", *(str(split.with_boxes) for split in self.splits)),
            ("studies", *(str(split.studies) for split in self.splits)),
            ("patients", *(str(split.patients) for split in self.splits)),
        ]
        return split_table(self.splits, rows)


def xray_statistics(
    request: StatisticsRequest, on_progress: Progress | None = None
) -> XrayStatistics:
    """Figures of a data set of X-rays, which are decoded (and cached) on the way.

    Raises NasError as `load_xrays` does, but not for a class without images: it counts 0.
    """
    request.refuse_long_side("no input size follows from X-rays")
    cache_dir = request.cache_dir or default_cache_dir()
    listing = list_xrays(request.source, request.seed, request.groups, cache_dir)
    wanted = request.data(
        InputSpec(channels=1, height=_SIDE, width=_SIDE), XrayPreprocess(labels="study")
    )
    data = load_listed_xrays(listing, wanted, on_progress, every_class=False)
    parts = [data.split(split) for split in SPLITS]
    folds = Counter(item.fold for item in listing.files)
    sizes_N2 = np.concatenate([part.original_sizes_N2 for part in parts])
    edges_B4 = np.concatenate([boxes for part in parts for boxes in part.boxes]) / _SIDE
    (mean,), (std,) = channel_statistics(parts[0].pixels)
    return XrayStatistics(
        source=data.source,
        classes=STUDY_CLASSES,
        splits=tuple(_split_xrays(data, split) for split in SPLITS),
        boxes_per_image=_boxes_per_image(parts),
        box_height=ShareSpread.of(edges_B4[:, 3] - edges_B4[:, 1]),
        box_width=ShareSpread.of(edges_B4[:, 2] - edges_B4[:, 0]),
        height=Spread.of(sizes_N2[:, 0]),
        width=Spread.of(sizes_N2[:, 1]),
        mean=mean,
        std=std,
        fold_images=tuple(folds[fold] for fold in range(FOLDS)),
        notes=data.notes,
        unreadable=data.unreadable,
        copies=data.copies,
        ignored_files=data.ignored_files,
    )


def _split_xrays(data: XrayData, split: Split) -> SplitXrays:
    found = data.split(split)
    return SplitXrays(
        split,
        split not in data.made_splits,
        found.class_counts,
        len(found),
        sum(len(boxes) > 0 for boxes in found.boxes),
        len(set(found.study_ids)),
        len(set(found.patients)),
    )


def _boxes_per_image(parts: Sequence[XraySet]) -> tuple[int, ...]:
    counts = Counter(len(boxes) for part in parts for boxes in part.boxes)
    return tuple(counts[number] for number in range(max(counts) + 1))

"""Pictures with any number of labels each, by split: listed, divided, decoded once, cached."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.dataset import DataRequest, TaskData
from nas.data.decode import Pixels, check_channels
from nas.data.files import Progress
from nas.data.image.dataset import ImageData
from nas.data.image.label_table import LabelTable, read_label_table
from nas.data.image.listing import refuse_crossing_groups
from nas.data.image.load import load_listed_images, load_unlabelled_images
from nas.data.image.preprocess import ImagePreprocess
from nas.data.image.source import ImageFile
from nas.data.image.splits import divide_images
from nas.data.listing import Listing
from nas.data.splits import SPLITS, Split
from nas.data.table import groups_of
from nas.errors import NasError

PICTURE = "picture"
"""What stands for a class where pictures are decoded."""


@dataclass(frozen=True, eq=False)
class MultilabelSet:
    """Decoded pictures of one split."""

    pixels: Pixels
    """(N, H, W, C); read-only, and often a memory map of the cache."""
    marks_NK: NDArray[np.int8]
    """1 present, -1 absent, 0 unknown."""
    group_N: NDArray[np.int64]
    """Number of each picture's group, from 0 without a gap; its own where it has none."""
    paths: tuple[str, ...]
    """Relative to the data set's folder, sorted."""
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.marks_NK)

    @property
    def labels_N(self) -> NDArray[np.int64]:
        """Each picture's own number, by which its marks are found again in a batch."""
        return np.arange(len(self))


MultilabelData = TaskData[MultilabelSet, ImagePreprocess]
"""A data set of pictures with any number of labels."""


def label_table_of(source: Path) -> Path:
    """The CSV file of a data set: `source`, or images.csv in the folder. Raises NasError."""
    table = source / "images.csv" if source.is_dir() else source
    if not table.is_file() or table.suffix.lower() != ".csv":
        raise NasError(
            "no table of labels; allowed: a CSV file of paths with a column that lists labels or a "
            "column a class, or a folder with images.csv",
            file=source,
        )
    return table


@dataclass(frozen=True, eq=False)
class MultilabelListing:
    """The pictures of a data set in their splits, and their labels by key."""

    pictures: Listing[ImageFile]
    classes: tuple[str, ...]
    marks: Mapping[str, NDArray[np.int8]]
    notes: tuple[str, ...]


def list_multilabel(source: Path, seed: int = 0, groups: Path | None = None) -> MultilabelListing:
    """The pictures of a table (see nas.data.image.label_table), divided.

    Validation and test, where the table has none, are taken from train by `seed`, each label in its
    share, by whole groups. Raises NasError for what can't be learned from, and for a label that no
    picture of train has.
    """
    table = label_table_of(source)
    found = read_label_table(table)
    files = found.files
    if groups is not None:
        names = groups_of(groups, table.parent, [file.key for file in files], "images")
        files = tuple(replace(file, group=group) for file, group in zip(files, names, strict=True))
    refuse_crossing_groups(files, source)
    _refuse_unlearnable(files, found, source)
    labels = {
        file.key: tuple(found.classes[k] for k in np.flatnonzero(marks_K == 1)) or ("",)
        for file, marks_K in zip(files, found.marks_NK, strict=True)
    }
    given = {file.split for file in files}
    divided = divide_images(files, seed, labels)
    listing = Listing(
        source=source,
        root=table.parent,
        files=tuple(replace(file, label=PICTURE) for file in divided),
        classes=(PICTURE,),
        made_splits=tuple(split for split in SPLITS if split != "train" and split not in given),
    )
    marks = {file.key: row for file, row in zip(files, found.marks_NK, strict=True)}
    notes: tuple[str, ...] = ()
    if found.passed_over:
        notes = (f"columns that are no class: {', '.join(found.passed_over)}",)
    return MultilabelListing(listing, found.classes, marks, notes)


def _refuse_unlearnable(files: tuple[ImageFile, ...], found: LabelTable, source: Path) -> None:
    train_N = np.array([file.split in (None, "train") for file in files], bool)
    for k, name in enumerate(found.classes):
        if not (found.marks_NK[train_N, k] == 1).any():
            raise NasError(f"no picture of train has the label {name!r}", file=source)


def load_multilabel(
    request: DataRequest, source: Path, on_progress: Progress | None = None
) -> MultilabelData:
    """The splits of `source` that are asked for. Raises NasError as `list_multilabel` does, and
    with `strict` for any unreadable file."""
    check_channels(request.input.channels)
    listed = list_multilabel(source, request.seed, request.groups)
    return with_labels(load_listed_images(listed.pictures, request, on_progress), listed)


def with_labels(data: ImageData, listed: MultilabelListing) -> MultilabelData:
    """The decoded pictures with their labels."""
    groups = {
        file.key: (file.group is None, file.group or file.key) for file in listed.pictures.files
    }
    splits: dict[Split, MultilabelSet] = {}
    for split, found in data.splits.items():
        numbers: dict[tuple[bool, str], int] = {}
        group_N = [numbers.setdefault(groups[key], len(numbers)) for key in found.paths]
        marks_NK = np.stack([listed.marks[key] for key in found.paths])
        splits[split] = MultilabelSet(
            found.pixels, marks_NK, np.array(group_N, np.int64), found.paths, listed.classes
        )
    return TaskData(
        splits=splits,
        classes=listed.classes,
        source=data.source,
        preprocess=data.preprocess,
        input=data.input,
        made_splits=data.made_splits,
        split_digest=data.split_digest,
        unreadable=data.unreadable,
        copies=data.copies,
        notes=(*data.notes, *listed.notes),
        ignored_files=data.ignored_files,
    )


def load_unlabelled_multilabel(
    request: DataRequest, on_progress: Progress | None = None
) -> MultilabelData:
    """The pictures below a folder as a training split without a known label."""
    data = load_unlabelled_images(request, on_progress)
    found = data.split("train")
    marks_NK = np.zeros((len(found), 1), np.int8)
    own = MultilabelSet(found.pixels, marks_NK, np.arange(len(found)), found.paths, found.classes)
    return TaskData(
        splits={"train": own},
        classes=data.classes,
        source=data.source,
        preprocess=data.preprocess,
        input=data.input,
        unreadable=data.unreadable,
    )

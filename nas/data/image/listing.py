"""Which image files a data set consists of, before any of them is opened."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from nas.data.splits import SPLITS, Split
from nas.errors import NasError, did_you_mean


@dataclass(frozen=True)
class ImageFile:
    """One file, its label and, where the data set says so, its split and group."""

    key: str
    """Path relative to the data set's folder, with forward slashes."""
    path: Path
    label: str
    split: Split | None = None
    group: str | None = None


@dataclass(frozen=True)
class Listing:
    """The files of a data set, sorted by key."""

    source: Path
    root: Path
    """What the keys are relative to."""
    files: tuple[ImageFile, ...]
    ignored_files: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels of all files but those of given validation and test splits, sorted."""
        return tuple(sorted({file.label for file in self.files if file.split in (None, "train")}))

    @property
    def made_splits(self) -> tuple[Split, ...]:
        """Splits that no file is given to, to be taken from train."""
        given = {file.split for file in self.files}
        return tuple(split for split in SPLITS if split != "train" and split not in given)


def checked_listing(listing: Listing) -> Listing:
    """`listing` itself. Raises NasError unless it can be learned from: two classes or more, none
    of them only in validation or test, and no group in two given splits.
    """
    classes = listing.classes
    if not classes:
        raise NasError(
            "no images found; allowed: folders train/CLASS/*, folders CLASS/*, or a CSV file with "
            "the columns path,label",
            file=listing.source,
        )
    for file in listing.files:
        if file.label not in classes:
            raise NasError(
                f"class {file.label!r} is in the {file.split} split but not in train"
                + did_you_mean(file.label, classes),
                file=file.path,
            )
    if len(classes) < 2:
        raise NasError(
            f"only one class, {classes[0]!r}; a classifier needs at least 2", file=listing.source
        )
    _refuse_crossing_groups(listing)
    return listing


def _refuse_crossing_groups(listing: Listing) -> None:
    splits: defaultdict[str, set[Split]] = defaultdict(set)
    for file in listing.files:
        if file.group is not None and file.split is not None:
            splits[file.group].add(file.split)
    for group, found in sorted(splits.items()):
        if len(found) > 1:
            raise NasError(
                f"group {group!r} has images in the given splits {', '.join(sorted(found))}; a "
                "group must lie in one split",
                file=listing.source,
            )

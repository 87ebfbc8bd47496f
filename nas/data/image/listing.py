"""Pictures of a data set, their classes and splits, listed before any is decoded."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nas.data.files import AUDIO_SUFFIXES, visible_files
from nas.data.image.source import ImageFile, find_image_source
from nas.data.image.splits import divide_images
from nas.data.listing import Listing
from nas.data.splits import SPLITS, Split
from nas.data.table import groups_of
from nas.errors import NasError, did_you_mean


def list_images(source: Path, seed: int = 0, groups: Path | None = None) -> Listing[ImageFile]:
    """The pictures of a data set (see `find_image_source`), sorted by key.

    Validation and test, where the source has none, are taken from train by `seed`, by whole groups
    with the table `groups` (path, group); see nas.data.image.splits. Classes are those of all
    pictures but in given validation and test splits.

    Raises NasError unless the pictures can be learned from: two classes or more, none of them only
    in validation or test, and no group in two given splits.
    """
    try:
        found = find_image_source(source)
    except NasError:
        _refuse_recordings(source)
        raise
    files = found.files
    if groups is not None:
        names = groups_of(groups, found.root, [file.key for file in files], "images")
        files = tuple(replace(file, group=group) for file, group in zip(files, names, strict=True))
    classes = tuple(sorted({file.label for file in files if file.split in (None, "train")}))
    _check_classes(files, classes, source)
    refuse_crossing_groups(files, source)
    given = {file.split for file in files}
    return Listing(
        source=source,
        root=found.root,
        files=divide_images(files, seed),
        classes=classes,
        made_splits=tuple(split for split in SPLITS if split != "train" and split not in given),
        ignored_files=found.ignored_files,
    )


def _refuse_recordings(source: Path) -> None:
    """Raises NasError, saying what to do, for a folder of recordings."""
    if source.is_dir() and visible_files(source, AUDIO_SUFFIXES):
        problem = "no images, but recordings: learn from them with --task sed (docs/sound.md)"
        raise NasError(problem, file=source)


def _check_classes(files: Sequence[ImageFile], classes: Sequence[str], source: Path) -> None:
    if not classes:
        raise NasError(
            "no images found; allowed: folders train/CLASS/*, folders CLASS/*, or a CSV file with "
            "the columns path,label",
            file=source,
        )
    known = set(classes)
    for file in files:
        if file.label not in known:
            raise NasError(
                f"class {file.label!r} is in the {file.split} split but not in train"
                + did_you_mean(file.label, classes),
                file=file.path,
            )
    if len(classes) < 2:
        raise NasError(
            f"only one class, {classes[0]!r}; a classifier needs at least 2", file=source
        )


def refuse_crossing_groups(files: Sequence[ImageFile], source: Path) -> None:
    """Raises NasError for a group with files in two given splits."""
    splits: defaultdict[str, set[Split]] = defaultdict(set)
    for file in files:
        if file.group is not None and file.split is not None:
            splits[file.group].add(file.split)
    for group, found in sorted(splits.items()):
        if len(found) > 1:
            raise NasError(
                f"group {group!r} has images in the given splits {', '.join(sorted(found))}; a "
                "group must lie in one split",
                file=source,
            )

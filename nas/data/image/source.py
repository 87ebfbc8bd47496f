"""Sources of pictures: folders of classes, or a table of paths."""

import os
from dataclasses import dataclass
from pathlib import Path

from nas.data.decode import image_extensions
from nas.data.files import Links, is_hidden
from nas.data.splits import SPLIT_NAMES, Split
from nas.data.table import read_file_rows
from nas.errors import NasError, did_you_mean
from nas.text_table import plain_name


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
class ImageSource:
    """The pictures of a data set as they lie, sorted by key."""

    source: Path
    root: Path
    """What the keys are relative to."""
    files: tuple[ImageFile, ...]
    ignored_files: int = 0
    """Files beside the pictures: hidden ones, texts, tables."""


def find_image_source(source: Path) -> ImageSource:
    """The pictures in folders, `DIR/train/CLASS/*` (with val, test, or not) or `DIR/CLASS/*`, or of
    a CSV file.

    A folder `train` comes first, then a file images.csv, then folders of classes. Raises NasError
    for anything else.
    """
    try:
        if source.is_dir():
            table = source / "images.csv"
            in_table = table.is_file() and not _has_train_folder(source)
            return _from_table(table) if in_table else _from_folder(source)
        if not source.is_file():
            folder = source.parent
            siblings = [path.name for path in folder.iterdir()] if folder.is_dir() else []
            raise NasError(
                f"no such folder or CSV file{did_you_mean(source.name, siblings)}", file=source
            )
    except OSError as error:
        raise NasError(f"can't be listed: {error}", file=source) from error
    if source.suffix.lower() != ".csv":
        raise NasError("not a folder, and not a .csv file of paths and labels", file=source)
    return _from_table(source)


def _from_folder(root: Path) -> ImageSource:
    """Files below `root`; subfolders of a class folder belong to the class.

    Hidden files and folders, `__MACOSX` and files without an image's extension are counted as
    ignored. Raises NasError for an empty class folder and for two folders of one split.
    """
    files: list[ImageFile] = []
    ignored = 0
    seen: set[tuple[Split | None, str]] = set()
    links = Links(root)
    folders = _split_folders(root, links)
    for split, folder in folders:
        for class_folder in _visible_folders(folder, links):
            found, passed_over = _class_files(root, class_folder, split, links)
            if not found and split in (None, "train"):
                raise NasError(
                    "a class folder without images; add images to it or remove it",
                    file=class_folder,
                )
            place = (split, plain_name(class_folder.name))
            if place in seen:
                raise NasError(
                    f"two folders are shown as {place[1]!r}; rename one", file=class_folder
                )
            seen.add(place)
            files += found
            ignored += passed_over
    links.tell()
    for folder in {root, *(folder for _, folder in folders)}:
        ignored += sum(1 for entry in folder.iterdir() if entry.is_file())
    return ImageSource(root, root, tuple(sorted(files, key=lambda file: file.key)), ignored)


def _has_train_folder(root: Path) -> bool:
    """Whether `root` is laid out as `train/CLASS/*`."""
    names = (folder.name.lower() for folder in _visible_folders(root, Links(root)))
    return any(SPLIT_NAMES.get(name) == "train" for name in names)


def _split_folders(root: Path, links: Links) -> list[tuple[Split | None, Path]]:
    """The folders that hold class folders: those of the splits if there is one of train."""
    found: dict[Split, Path] = {}
    folders = _visible_folders(root, links)
    for folder in folders:
        split = SPLIT_NAMES.get(folder.name.lower())
        if split is not None and split in found:
            raise NasError(
                f"two folders of the {split} split, {found[split].name!r} and {folder.name!r}; "
                "keep one",
                file=root,
            )
        if split is not None:
            found[split] = folder
    if "train" in found:
        return list(found.items())
    if found and len(found) == len(folders):
        raise NasError(
            f"no folder 'train' beside {', '.join(repr(path.name) for path in found.values())}",
            file=root,
        )
    return [(None, root)]


def _visible_folders(folder: Path, links: Links) -> list[Path]:
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.is_dir() and not is_hidden(entry.name) and links.enters(entry)
    )


def _class_files(
    root: Path, folder: Path, split: Split | None, links: Links
) -> tuple[list[ImageFile], int]:
    """Image files anywhere below `folder`, and how many other files lie there."""
    extensions = image_extensions()
    label = plain_name(folder.name)
    paths = links.files_below(folder)
    files = [
        ImageFile(path.relative_to(root).as_posix(), path, label, split)
        for path in paths
        if not is_hidden(path.name) and path.suffix.lower() in extensions
    ]
    return files, len(paths) - len(files)


def _from_table(table: Path) -> ImageSource:
    """Files of the rows; paths are relative to the table's folder, an empty `split` is train.

    A path that is named twice alike is one picture. Raises NasError, with the line, for missing
    columns, empty cells, an unknown split and a path that is named twice with other cells.
    """
    files: dict[str, ImageFile] = {}
    places: dict[str, tuple[int, ImageFile]] = {}
    for line, row in read_file_rows(table, required=("path", "label"), optional=("split", "group")):
        if not row["label"]:
            raise NasError("no label in this row", file=table, line=line, key="label")
        path = table.parent / row["path"]
        key = Path(row["path"]).as_posix()
        # However it is written: in two splits it would be learned from and tested on.
        place = os.path.abspath(path)
        split = split_named(row["split"], table, line)
        file = ImageFile(key, path, plain_name(row["label"]), split, row["group"] or None)
        first, known = places.setdefault(place, (line, file))
        if (known.label, known.split, known.group) != (file.label, split, file.group):
            problem = (
                f"{row['path']!r} is named twice, in line {first} as {_said(known)} and here as "
                f"{_said(file)}; keep one (pictures with several labels: task multilabel)"
            )
            raise NasError(problem, file=table, line=line, key="path")
        if first == line:
            files[key] = file
    return ImageSource(
        table, table.parent, tuple(sorted(files.values(), key=lambda file: file.key))
    )


def _said(file: ImageFile) -> str:
    """The label, and the split and the group where it has them."""
    more = (("split", file.split), ("group", file.group))
    return ", ".join([repr(file.label), *(f"{name} {value}" for name, value in more if value)])


def split_named(cell: str, table: Path, line: int) -> Split | None:
    """The split of a cell, None for an empty one. Raises NasError, with the line."""
    if not cell:
        return None
    split = SPLIT_NAMES.get(cell.lower())
    if split is None:
        hint = did_you_mean(cell, SPLIT_NAMES)
        raise NasError(f"no split {cell!r}{hint}", file=table, line=line, key="split")
    return split

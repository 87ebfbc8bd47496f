"""Data sets laid out as folders: `DIR/train/CLASS/*` (with val, test, or not) or `DIR/CLASS/*`."""

import os
from pathlib import Path

from PIL import Image

from nas.data.image.listing import ImageFile, Listing
from nas.data.splits import SPLIT_NAMES, Split
from nas.errors import NasError


def list_folder(root: Path) -> Listing:
    """Files below `root`; subfolders of a class folder belong to the class.

    Hidden files and folders, `__MACOSX` and files without an image's extension are counted as
    ignored. Raises NasError for an empty class folder and for two folders of one split.
    """
    files: list[ImageFile] = []
    ignored = 0
    folders = _split_folders(root)
    for split, folder in folders:
        for class_folder in _visible_folders(folder):
            found, passed_over = _class_files(root, class_folder, split)
            if not found and split in (None, "train"):
                raise NasError(
                    "a class folder without images; add images to it or remove it",
                    file=class_folder,
                )
            files += found
            ignored += passed_over
    for folder in {root, *(folder for _, folder in folders)}:
        ignored += sum(1 for entry in folder.iterdir() if entry.is_file())
    return Listing(root, root, tuple(sorted(files, key=lambda file: file.key)), ignored)


def has_train_folder(root: Path) -> bool:
    """Whether `root` is laid out as `train/CLASS/*`."""
    names = (folder.name.lower() for folder in _visible_folders(root))
    return any(SPLIT_NAMES.get(name) == "train" for name in names)


def _split_folders(root: Path) -> list[tuple[Split | None, Path]]:
    """The folders that hold class folders: those of the splits if there is one of train."""
    found: dict[Split, Path] = {}
    folders = _visible_folders(root)
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


def _visible_folders(folder: Path) -> list[Path]:
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.is_dir()
        and not entry.name.startswith(".")
        and entry.name != "__MACOSX"
        and not _leads_upwards(entry)
    )


def _class_files(root: Path, folder: Path, split: Split | None) -> tuple[list[ImageFile], int]:
    """Image files anywhere below `folder`, and how many other files lie there."""
    extensions = image_extensions()
    files: list[ImageFile] = []
    ignored = 0
    visited: set[tuple[int, int]] = set()
    for parent, subfolders, names in os.walk(folder, followlinks=True):
        # A folder is entered once, whatever links lead to it.
        state = os.stat(parent)
        if (state.st_dev, state.st_ino) in visited:
            subfolders.clear()
            continue
        visited.add((state.st_dev, state.st_ino))
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".")
            and name != "__MACOSX"
            and not _leads_upwards(Path(parent, name))
        )
        for name in names:
            path = Path(parent, name)
            if name.startswith(".") or path.suffix.lower() not in extensions:
                ignored += 1
                continue
            key = path.relative_to(root).as_posix()
            files.append(ImageFile(key, path, folder.name, split))
    return files, ignored


def _leads_upwards(folder: Path) -> bool:
    """Whether `folder` is a link to a folder that it lies in: other classes may be down there."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())


def image_extensions() -> frozenset[str]:
    """Extensions that Pillow can open, in lower case with the dot."""
    known = Image.registered_extensions()
    return frozenset(extension for extension, kind in known.items() if kind in Image.OPEN)

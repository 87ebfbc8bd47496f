"""Pictures of a data set, by split: listed, divided, decoded once, cached."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.data.cache import DecodedFiles, decoded_files, default_cache_dir
from nas.data.copies import Named, tell_copies
from nas.data.dataset import DataRequest
from nas.data.decode import (
    DECODE_VERSION,
    SizedPixels,
    check_channels,
    decode_bytes,
    image_extensions,
    picture_libraries,
    read_content,
)
from nas.data.digests import DigestMemo
from nas.data.files import Progress, first_of, nearest_file, visible_files
from nas.data.image.dataset import ImageData, ImageSet
from nas.data.image.digits import load_digits
from nas.data.image.listing import list_images
from nas.data.image.preprocess import ImagePreprocess
from nas.data.image.source import ImageFile
from nas.data.listing import Listing, load_splits
from nas.data.splits import Split
from nas.errors import NasError


@dataclass(frozen=True)
class ImageMaker:
    """Makes pixels of pictures; see `nas.data.cache`."""

    height: int
    width: int
    channels: int
    preprocess: ImagePreprocess

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def key(self) -> dict[str, object]:
        """The parts that change pixels: not the mean and std that come after."""
        geometry = self.preprocess.model_dump(include={"turn_portrait", "interpolation"})
        size = {"height": self.height, "width": self.width, "channels": self.channels}
        return {"decode": DECODE_VERSION, "libraries": picture_libraries(), **size, **geometry}

    def __call__(self, path: Path) -> SizedPixels:
        return decode_bytes(read_content(path), *self.shape, self.preprocess)


def load_images(request: DataRequest, on_progress: Progress | None = None) -> ImageData:
    """The splits that are asked for (see `list_images`); without a source the digits.

    Raises NasError for a data set that can't be learned from, for a split without images, for a
    class of which no training image can be read, and with `strict` for any unreadable file.
    """
    check_channels(request.input.channels)
    if request.source is None:
        return load_digits(request)
    listing = list_images(request.source, request.seed, request.groups)
    return load_listed_images(listing, request, on_progress)


def load_listed_images(
    listing: Listing[ImageFile], request: DataRequest, on_progress: Progress | None = None
) -> ImageData:
    """The splits of a listed data set that are asked for."""
    size, preprocess = request.input, request.preprocess_of(ImagePreprocess)
    maker = ImageMaker(size.height, size.width, size.channels, preprocess)
    cache_dir = request.cache_dir or default_cache_dir()
    memo = DigestMemo(cache_dir, listing.root)

    def read(split: Split, left_out: list[str]) -> ImageSet:
        members = listing.members(split)
        if not members:
            raise NasError(_no_images(split), file=listing.source)
        paths = [file.path for file in members]
        decoded = decoded_files(paths, maker, memo, cache_dir, on_progress)
        reasons = _reasons(members, decoded.unreadable, listing.root)
        left_out += reasons
        found = _image_set(members, decoded, listing.classes)
        _refuse_lost_classes(found, split, members, listing, reasons)
        return found

    data = load_splits(request, listing, preprocess, read)
    parts = {split: Named(found.paths, found.pixels) for split, found in data.splits.items()}
    pixels = {split: found.pixels for split, found in data.splits.items()}
    return tell_copies(data, parts, strict=request.strict, pixels=pixels)


UNLABELLED = "unlabelled"
"""The one class of pictures without labels."""
LEAST_UNLABELLED = 2
"""A batch of one has no batch statistics."""


def load_unlabelled_images(request: DataRequest, on_progress: Progress | None = None) -> ImageData:
    """The pictures below the folder `request.source` as a training split of one class.

    Raises NasError where there is no such folder or fewer than two of them can be read, and with
    `strict` for any that can't.
    """
    check_channels(request.input.channels)
    root = request.source
    if root is None or not root.is_dir():
        raise NasError("no such folder of pictures", file=root, key="--unlabelled")
    paths = visible_files(root, image_extensions())
    size, preprocess = request.input, request.preprocess_of(ImagePreprocess)
    maker = ImageMaker(size.height, size.width, size.channels, preprocess)
    cache_dir = request.cache_dir or default_cache_dir()
    decoded = decoded_files(paths, maker, DigestMemo(cache_dir, root), cache_dir, on_progress)
    keys = [path.relative_to(root).as_posix() for path in paths]
    left_out = tuple(f"{keys[n]}: {why}" for n, why in decoded.unreadable.items())
    if left_out and request.strict:
        raise NasError(f"{len(left_out)} can't be read: {left_out[0]}", file=root)
    found = _image_set(
        [ImageFile(key, path, UNLABELLED) for key, path in zip(keys, paths, strict=True)],
        decoded,
        (UNLABELLED,),
    )
    if len(found) < LEAST_UNLABELLED:
        raise NasError("fewer than two pictures in it can be read", file=root, key="--unlabelled")
    return ImageData(
        splits={"train": found},
        classes=(UNLABELLED,),
        source=str(root),
        preprocess=preprocess,
        input=size,
        unreadable=left_out,
    )


def _image_set(
    members: Sequence[ImageFile], decoded: DecodedFiles, classes: tuple[str, ...]
) -> ImageSet:
    number = {name: position for position, name in enumerate(classes)}
    readable = [file for position, file in enumerate(members) if position not in decoded.unreadable]
    return ImageSet(
        decoded.pixels,
        np.array([number[file.label] for file in readable], dtype=np.int64),
        tuple(file.key for file in readable),
        classes,
        decoded.original_sizes_N2,
    )


def _no_images(split: Split) -> str:
    return (
        f"no images for the {split} split: every class has too few to give any; add images, or a "
        f"folder '{split}'"
    )


_HINTS = 3
"""Missing files of which the nearest is looked for."""


def _reasons(members: Sequence[ImageFile], unreadable: Mapping[int, str], root: Path) -> list[str]:
    """A line for each file that can't be read; the first missing ones name what is there."""
    lines, hints = [], 0
    for position, why in unreadable.items():
        file = members[position]
        line = f"{file.key}: {why}"
        if hints < _HINTS and not os.path.lexists(file.path):
            hints += 1
            line += nearest_words(file.path, root)
        lines.append(line)
    return lines


def nearest_words(path: Path, root: Path) -> str:
    """`; the nearest file is 'a/b.jpg'` for a file that is not there; empty where none is near."""
    near = nearest_file(path)
    if near is None:
        return ""
    shown = near.relative_to(root) if near.is_relative_to(root) else near
    return f"; the nearest file is {shown.as_posix()!r}"


def _refuse_lost_classes(
    found: ImageSet,
    split: Split,
    members: Sequence[ImageFile],
    listing: Listing[ImageFile],
    reasons: Sequence[str],
) -> None:
    """Raises NasError for a class of which no image of train is left, or a split with no image."""
    left = {found.classes[label] for label in np.unique(found.labels_N)}
    lost = {file.label for file in members} - left
    if lost and (split == "train" or not left):
        keys = tuple(f"{file.key}: " for file in members if file.label in lost)
        raise NasError(
            f"no image of {', '.join(map(repr, sorted(lost)))} in the {split} split can be read"
            f"{first_of([line for line in reasons if line.startswith(keys)])}",
            file=listing.source,
        )

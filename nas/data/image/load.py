"""Images of a data set, by split: listed, divided, decoded once, cached."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL

from nas.data.cache import DecodedFiles, decoded_files, default_cache_dir
from nas.data.decode import DECODE_VERSION, SizedPixels, check_channels, decode_bytes, refuse_pipe
from nas.data.digests import DigestMemo
from nas.data.files import Progress
from nas.data.image.dataset import ImageData, ImageSet, UnreadableFile
from nas.data.image.digits import load_digits
from nas.data.image.listing import ImageFile, Listing, checked_listing
from nas.data.image.preprocess import ImagePreprocess
from nas.data.image.source import has_train_folder, list_folder
from nas.data.image.splits import assign_splits
from nas.data.request import DataRequest
from nas.data.splits import Split
from nas.data.table import list_table, read_groups
from nas.errors import NasError, did_you_mean


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
        return {"decode": DECODE_VERSION, "pillow": PIL.__version__, **size, **geometry}

    def __call__(self, path: Path) -> SizedPixels:
        refuse_pipe(path)
        return decode_bytes(path.read_bytes(), *self.shape, self.preprocess)


def load_images(request: DataRequest, on_progress: Progress | None = None) -> ImageData:
    """The splits of a folder or a CSV file that are asked for; without a source the digits.

    Splits that the source lacks are taken from its train split by the seed (see
    nas.data.image.splits). The table of groups has the columns `path,group`, paths relative to the
    data set.

    Raises NasError for a data set that can't be learned from, for a split without images, for a
    class of which no training image can be read, and with `strict` for any unreadable file.
    """
    source, size = request.source, request.input
    check_channels(size.channels)
    if source is None:
        return load_digits(size, request.splits)
    listing = list_images(source, request.groups)
    files = assign_splits(listing.files, request.seed)
    cache_dir = request.cache_dir or default_cache_dir()
    memo = DigestMemo(cache_dir, listing.root)
    preprocess = request.preprocess_of(ImagePreprocess)
    maker = ImageMaker(size.height, size.width, size.channels, preprocess)
    parts: dict[Split, ImageSet] = {}
    unreadable: list[UnreadableFile] = []
    for split in request.splits:
        members = [file for file in files if file.split == split]
        if not members:
            raise NasError(_no_images(split), file=source)
        paths = [file.path for file in members]
        decoded = decoded_files(paths, maker, memo, cache_dir, on_progress)
        unreadable += [
            UnreadableFile(members[position].key, why)
            for position, why in decoded.unreadable.items()
        ]
        parts[split] = _image_set(members, decoded, listing.classes)
        _refuse_lost_classes(split, members, parts[split], source)
    if request.strict and unreadable:
        raise NasError(_named(unreadable), file=source)
    return ImageData(
        parts.get("train"),
        parts.get("validation"),
        parts.get("test"),
        listing.classes,
        str(source),
        tuple(unreadable),
        listing.made_splits,
        _split_digest(listing, files),
        listing.ignored_files,
    )


def _split_digest(listing: Listing, files: Sequence[ImageFile]) -> str:
    """See `ImageData.split_digest`: a file more in the folder gives other splits."""
    if not listing.made_splits:
        return ""
    lines = sorted(f"{file.key}\n{file.split}\n" for file in files)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def list_images(source: Path, groups: Path | None = None) -> Listing:
    """Files of a data set in any of its layouts, checked. Raises NasError.

    The layout is that of a folder `train` if there is one, else of a file images.csv, else folders
    of classes.
    """
    try:
        listing = _listing(source)
    except OSError as error:
        raise NasError(f"can't be listed: {error}", file=source) from error
    if groups is not None:
        listing = _grouped(listing, groups)
    return checked_listing(listing)


def _listing(source: Path) -> Listing:
    if source.is_dir():
        table = source / "images.csv"
        if table.is_file() and not has_train_folder(source):
            return list_table(table)
        return list_folder(source)
    if not source.is_file():
        siblings = [path.name for path in source.parent.iterdir()] if source.parent.is_dir() else []
        raise NasError(
            f"no such folder or CSV file{did_you_mean(source.name, siblings)}", file=source
        )
    if source.suffix.lower() != ".csv":
        raise NasError("not a folder, and not a .csv file of paths and labels", file=source)
    return list_table(source)


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
    )


def _grouped(listing: Listing, table: Path) -> Listing:
    """`listing` with the groups of `table`, which must name every file."""
    groups = read_groups(table, listing.root)
    missing = [file.key for file in listing.files if file.key not in groups]
    if missing:
        raise NasError(
            f"{len(missing)} of {len(listing.files)} images have no row, first {missing[0]!r}"
            f"{did_you_mean(missing[0], list(groups)[:1000])} (an empty group stands for a group "
            "of one image)",
            file=table,
        )
    files = tuple(replace(file, group=groups[file.key] or None) for file in listing.files)
    return replace(listing, files=files)


def _no_images(split: Split) -> str:
    return (
        f"no images for the {split} split: every class has too few to give any; add images, or a "
        f"folder '{split}'"
    )


def _named(unreadable: Sequence[UnreadableFile], shown: int = 5) -> str:
    first = "; ".join(f"{file.path} ({file.reason})" for file in unreadable[:shown])
    more = "; ..." if len(unreadable) > shown else ""
    return f"{len(unreadable)} unreadable image files: {first}{more}"


def _refuse_lost_classes(
    split: Split, members: Sequence[ImageFile], image_set: ImageSet, source: Path
) -> None:
    """Raises NasError for a class of which no image of train is left, or a split with no image."""
    left = {image_set.classes[label] for label in np.unique(image_set.labels)}
    lost = {file.label for file in members} - left
    if lost and (split == "train" or not left):
        raise NasError(
            f"no image of {', '.join(map(repr, sorted(lost)))} in the {split} split can be read",
            file=source,
        )

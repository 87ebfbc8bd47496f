"""X-rays of a data set, by split: listed, divided, decoded once, cached, labelled."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nas.data.decode import check_channels
from nas.data.digests import DigestMemo
from nas.data.fold_pixels import split_pixels
from nas.data.generated_xrays import BUILT_IN_XRAY_SOURCE, built_in_xrays
from nas.data.labelled_xrays import labelled_xrays, lost_classes
from nas.data.listed_xray import ListedXray
from nas.data.progress import Progress
from nas.data.reasons import first_of
from nas.data.split_names import Split
from nas.data.storage import default_cache_dir
from nas.data.xray_listing import XrayListing, list_xrays
from nas.data.xray_maker import XrayMaker
from nas.data.xray_set import XRAY_CLASSES, XrayData, XraySet
from nas.errors import NasError
from nas.spec.preprocess import XrayLabels, XrayPreprocess


def load_xray_data(
    source: Path | None,
    height: int,
    width: int,
    channels: int,
    preprocess: XrayPreprocess,
    labels: XrayLabels,
    *,
    splits: Sequence[Split] = ("train", "validation"),
    seed: int = 0,
    strict: bool = False,
    groups: Path | None = None,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> XrayData:
    """The named splits of `source`, labelled by `labels`; None is the built-in generated set.

    Only these splits are decoded. See `list_xrays` for layouts, `groups` and the splits that
    `source` lacks; they are the same for all `labels`. For `opacity` and `boxes`, images without
    boxes in a study that has some are left out: copies are annotated once. A box that lies outside
    its image is left out and named. `cache_dir` is $NAS_CACHE or the user's cache folder by
    default.

    Raises NasError for a data set that can't be learned from, for a split without images, for a
    class of which no training image can be read, and with `strict` for anything unreadable.
    """
    check_channels(channels)
    maker = XrayMaker(height, width, channels, preprocess)
    reader = _Reader(maker, labels, cache_dir or default_cache_dir(), on_progress)
    if source is None:
        return _built_in(reader, splits, seed)
    data = _loaded(list_xrays(source, seed, groups, reader.cache_dir), reader, splits)
    if strict and data.unreadable:
        problem = f"{len(data.unreadable)} unreadable files or rows{first_of(data.unreadable, 5)}"
        raise NasError(problem, file=source)
    return data


@dataclass(frozen=True)
class _Reader:
    """How files become labelled X-rays."""

    maker: XrayMaker
    labels: XrayLabels
    cache_dir: Path | None
    on_progress: Progress | None

    def read(self, listing: XrayListing, split: Split, left_out: list[str]) -> XraySet:
        """The split's readable images; a line to `left_out` for each file or box without use."""
        members = [item for item in self.chosen(listing) if item.split == split]
        if not members:
            raise NasError(f"no images for the {split} split", file=listing.source.source)
        memo = DigestMemo(self.cache_dir, listing.source.root)
        mates = [item for item in listing.images if item.split == split]
        decoded = split_pixels(members, mates, self.maker, memo, self.cache_dir, self.on_progress)
        found = labelled_xrays(members, decoded, self.labels, left_out)
        lost = lost_classes(found, self.labels)
        if not len(found) or (lost and split == "train"):
            of_class = f" of {', '.join(map(repr, lost))}" if len(found) else ""
            problem = f"no image{of_class} in the {split} split can be read{first_of(left_out)}"
            raise NasError(problem, file=listing.source.source)
        return found

    def chosen(self, listing: XrayListing) -> list[ListedXray]:
        """The images whose label is known."""
        return [item for item in listing.images if self.labels == "study" or not item.unmarked]


def _loaded(listing: XrayListing, reader: _Reader, splits: Sequence[Split]) -> XrayData:
    left_out = list(listing.wrong)
    parts = {split: reader.read(listing, split, left_out) for split in splits}
    return XrayData(
        parts.get("train"),
        parts.get("validation"),
        parts.get("test"),
        XRAY_CLASSES[reader.labels],
        str(listing.source.source),
        tuple(left_out),
        listing.made_splits,
        _made_digest(listing),
        _notes(listing, reader),
        listing.ignored_files,
    )


def _notes(listing: XrayListing, reader: _Reader) -> tuple[str, ...]:
    copies = len(listing.images) - len(reader.chosen(listing))
    strangers = sum(item.patient is None for item in listing.images)
    notes = []
    if copies:
        notes.append(
            f"{copies} images without boxes are left out: another image of their study has them"
        )
    if strangers:
        notes.append(f"of {strangers} images no patient is known: they are kept apart by study")
    return tuple(notes)


def _made_digest(listing: XrayListing) -> str:
    """See `XrayData.made_digest`: an image more in the folder gives other splits."""
    lines = sorted(f"{item.id}\n{item.split}\n" for item in listing.images)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _built_in(reader: _Reader, splits: Sequence[Split], seed: int) -> XrayData:
    """The generated set; its folds are the same everywhere."""
    with built_in_xrays(reader.cache_dir) as folder:
        listing = list_xrays(folder, seed, cache_dir=reader.cache_dir)
        data = _loaded(listing, reader, splits)
    return replace(data, source=BUILT_IN_XRAY_SOURCE, made_splits=(), made_digest="")

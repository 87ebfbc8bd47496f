"""X-rays of a data set, by split: listed, divided, decoded once, cached, labelled.

A cached array belongs to one list of files: that of a training split is made by copying from those
of its folds, so that each X-ray is decoded once in whatever split its fold is.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from nas.data.cache import DecodedFiles, decoded_files, default_cache_dir
from nas.data.decode import SizedPixels, check_channels
from nas.data.digests import DigestMemo
from nas.data.files import Progress, first_of
from nas.data.request import DataRequest
from nas.data.splits import Split
from nas.data.synthetic.xrays import BUILT_IN_XRAY_SOURCE, built_in_xrays
from nas.data.xray.coverage import refuse_gaps
from nas.data.xray.dataset import XRAY_CLASSES, ListedXray, XrayData, XraySet, labelled_xrays
from nas.data.xray.decode import XrayMaker
from nas.data.xray.dicom import UnreadableXray
from nas.data.xray.folds import FOLDS
from nas.data.xray.listing import XrayListing, list_xrays
from nas.data.xray.preprocess import XrayLabels, XrayPreprocess
from nas.errors import NasError

Known = dict[Path, SizedPixels | str]
"""What a file holds, or why it can't be decoded."""


def split_pixels(
    members: Sequence[ListedXray],
    fold_mates: Sequence[ListedXray],
    maker: XrayMaker,
    memo: DigestMemo,
    cache_dir: Path | None,
    on_progress: Progress | None,
) -> DecodedFiles:
    """Pixels of `members`, as `decoded_files` gives them.

    `fold_mates` are all images of the split, of which `members` are some or all.
    """
    by_fold: defaultdict[int | None, list[Path]] = defaultdict(list)
    for item in fold_mates:
        by_fold[item.fold].append(item.path)
    folds, paths = list(by_fold.values()), [item.path for item in members]
    if cache_dir is None or folds == [paths]:
        return decoded_files(paths, maker, memo, cache_dir, on_progress)
    copier = _Copier(maker, folds, memo, cache_dir, on_progress)
    return decoded_files(paths, copier, memo, cache_dir)


@dataclass
class _Copier:
    """Makes the pixels of a file by looking them up in its fold's array; see `PixelMaker`."""

    maker: XrayMaker
    folds: list[list[Path]]
    memo: DigestMemo
    cache_dir: Path
    on_progress: Progress | None
    known: Known = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.maker.shape

    def key(self) -> dict[str, object]:
        return self.maker.key()

    def __call__(self, path: Path) -> SizedPixels:
        with self.lock:  # asked for from several threads, only where the copy is not there yet
            if not self.known:
                for paths in self.folds:
                    self.known |= self._of_fold(paths, done=len(self.known))
        found = self.known[path]
        if isinstance(found, str):
            raise UnreadableXray(found)
        return found

    def _of_fold(self, paths: list[Path], done: int) -> Known:
        def tell(more: int, _: int) -> None:
            if self.on_progress is not None:
                self.on_progress(done + more, sum(map(len, self.folds)))

        decoded = decoded_files(paths, self.maker, self.memo, self.cache_dir, tell)
        rows = iter(zip(decoded.pixels, decoded.original_sizes_N2.tolist(), strict=True))
        known: Known = {}
        for position, path in enumerate(paths):
            reason = decoded.unreadable.get(position)
            if reason is not None:
                known[path] = reason
                continue
            pixels, (height, width) = next(rows)
            known[path] = SizedPixels(pixels, (height, width))
        return known


def load_xrays(
    request: DataRequest, on_progress: Progress | None = None, *, every_class: bool = True
) -> XrayData:
    """The splits that are asked for, with the preprocessing's labels (`study` where it says none);
    without a source the built-in generated set.

    See `list_xrays` for layouts, groups and the splits that the source lacks; they are the same for
    all labels. For `opacity` and `boxes`, images without boxes in a study that has some are left
    out: copies are annotated once. A box that lies outside its image is left out and named.

    Raises NasError for a data set that can't be learned from, for a split without images, with
    `every_class` for a class without a training image and for boxes to be learned of which
    validation has none, and with `strict` for anything unreadable.
    """
    source, size = request.source, request.input
    check_channels(size.channels)
    preprocess = request.preprocess_of(XrayPreprocess)
    maker = XrayMaker(size.height, size.width, size.channels, preprocess)
    cache_dir, labels = request.cache_dir or default_cache_dir(), preprocess.labels or "study"
    reader = _Reader(maker, labels, cache_dir, on_progress, every_class)
    if source is None:
        return _built_in(reader, request.splits, request.seed)
    listing = list_xrays(source, request.seed, request.groups, cache_dir)
    data = _loaded(listing, reader, request.splits)
    if request.strict and data.unreadable:
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
    every_class: bool

    def read(self, listing: XrayListing, split: Split, left_out: list[str]) -> XraySet:
        """The split's readable images; a line to `left_out` for each file or box without use."""
        chosen = self.chosen(listing)
        members = [item for item in chosen if item.split == split]
        if not members:
            raise _without_images(listing, split)
        memo = DigestMemo(self.cache_dir, listing.source.root)
        mates = [item for item in listing.images if item.split == split]
        decoded = split_pixels(members, mates, self.maker, memo, self.cache_dir, self.on_progress)
        found = labelled_xrays(members, decoded, self.labels, left_out)
        if not len(found):
            problem = f"no image in the {split} split can be read{first_of(left_out)}"
            raise NasError(problem, file=listing.source.source)
        if self.every_class:
            refuse_gaps(found, split, listing, chosen, self.labels, left_out)
        return found

    def chosen(self, listing: XrayListing) -> list[ListedXray]:
        """The images whose label is known."""
        return [item for item in listing.images if self.labels == "study" or not item.unmarked]


def _without_images(listing: XrayListing, split: Split) -> NasError:
    """What is said of a split without images: of the folds, where a table gives too few."""
    problem = f"no images for the {split} split"
    folds = sorted({item.fold for item in listing.images if item.fold is not None})
    if not listing.given_folds or len(folds) == FOLDS:
        return NasError(problem, file=listing.source.source)
    problem += f": all images are in fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))}"
    problem += f"; {FOLDS} folds are needed, 0 to {FOLDS - 1}, or an empty column for made ones"
    return NasError(problem, file=listing.source.meta, key="fold")


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
        _split_digest(listing),
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
    marked = {item.study_id for item in listing.images if item.boxes}
    negative = {item.study_id for item in listing.images if item.study_class == "negative"}
    if doubtful := sorted(marked & negative):
        notes.append(f"{len(doubtful)} studies are negative and have boxes{first_of(doubtful)}")
    return tuple(notes)


def _split_digest(listing: XrayListing) -> str:
    """See `XrayData.split_digest`: an image more in the folder gives other splits."""
    lines = sorted(f"{item.id}\n{item.split}\n" for item in listing.images)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _built_in(reader: _Reader, splits: Sequence[Split], seed: int) -> XrayData:
    """The generated set; its folds are the same everywhere."""
    with built_in_xrays(reader.cache_dir) as folder:
        listing = list_xrays(folder, seed, cache_dir=reader.cache_dir)
        data = _loaded(listing, reader, splits)
    return replace(data, source=BUILT_IN_XRAY_SOURCE, made_splits=(), split_digest="")

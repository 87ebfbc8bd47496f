"""X-rays of a data set, by split: listed, divided, decoded once, cached, labelled.

A cached array belongs to one list of files: that of a training split is made by copying from those
of its folds, so that each X-ray is decoded once in whatever split its fold is.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from nas.data.cache import DecodedFiles, decoded_files, default_cache_dir
from nas.data.copies import Named, tell_copies
from nas.data.dataset import DataRequest
from nas.data.decode import SizedPixels, check_channels
from nas.data.digests import DigestMemo
from nas.data.files import Progress, first_of
from nas.data.listing import as_built_in, load_splits
from nas.data.splits import SPLITS, Split
from nas.data.synthetic.xrays import BUILT_IN_XRAY_SOURCE, built_in_xrays
from nas.data.xray.dataset import (
    XRAY_CLASSES,
    ListedXray,
    XrayData,
    XraySet,
    label_names,
    labelled_xrays,
)
from nas.data.xray.decode import XrayMaker
from nas.data.xray.folds import FOLDS
from nas.data.xray.listing import XrayListing, list_xrays
from nas.data.xray.preprocess import XrayLabels, XrayPreprocess
from nas.data.xray.shades import UnreadableXray
from nas.data.xray.siim import STUDY_COLUMNS
from nas.errors import NasError


def refuse_gaps(
    found: XraySet,
    split: Split,
    listing: XrayListing,
    chosen: Sequence[ListedXray],
    labels: XrayLabels,
    left_out: Sequence[str],
) -> None:
    """Raises NasError for a class without a training image, and for a validation split without a
    box where boxes are learned. `chosen` are the images of all splits whose label is known.
    """
    present = set(label_names(found, labels))
    lost = [name for name in XRAY_CLASSES[labels] if name not in present]
    if lost and split == "train":
        raise _without_classes(lost, listing, chosen, labels, left_out)
    if lost and split == "validation" and labels == "boxes":
        problem = (
            "no image of the validation split has a box: F1 would be 0 in every epoch, and tell "
            "none from another; take another seed, or other folds"
        )
        reasons = f"; left out{first_of(left_out)}" if left_out else ""
        raise NasError(problem + reasons, file=listing.source)


def _without_classes(
    lost: Sequence[str],
    listing: XrayListing,
    chosen: Sequence[ListedXray],
    labels: XrayLabels,
    left_out: Sequence[str],
) -> NasError:
    """What is said where the tables have no such class, else no training image, else none that can
    be read."""
    needed = "training needs at least one image of each class"
    pool = [item for item in chosen if item.fold is not None]
    by_class = Counter(item.class_by(labels) for item in pool)
    if absent := [name for name in lost if not by_class[name]]:
        counts = ", ".join(f"{count} of {name!r}" for name, count in sorted(by_class.items()))
        problem = f"no image of {_named(absent)}; found: {counts}; {needed}"
        if labels == "study":
            columns = ", ".join(STUDY_COLUMNS[name] for name in absent)
            return NasError(problem, file=listing.places.train.study_table, key=columns)
        return NasError(problem, file=listing.places.train.image_table, key="boxes")
    splits = {name: {item.split for item in pool if item.class_by(labels) == name} for name in lost}
    if elsewhere := [name for name in lost if "train" not in splits[name]]:
        places = [split for split in SPLITS if any(split in splits[name] for name in elsewhere)]
        problem = (
            f"no image of {_named(elsewhere)} in the train split, only in {' and '.join(places)}; "
            f"{needed}; take another seed, or other folds"
        )
        return NasError(problem, file=listing.source)
    problem = f"no image of {_named(lost)} in the train split can be read{first_of(left_out)}"
    return NasError(problem, file=listing.source)


def _named(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


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
            note = decoded.notes.get(position, "")
            known[path] = SizedPixels(pixels, (height, width), note)
        return known


def load_xrays(request: DataRequest, on_progress: Progress | None = None) -> XrayData:
    """The splits that are asked for (see `list_xrays`), with the preprocessing's labels, `study`
    where it says none; without a source the built-in generated set.

    Splits are the same for all labels. For `opacity` and `boxes`, images without boxes in a study
    that has some are left out: copies are annotated once. A box that lies outside its image is left
    out and named.

    Raises NasError for a data set that can't be learned from, for a split without images, for a
    class without a training image and for boxes to be learned of which validation has none, and
    with `strict` for anything unreadable.
    """
    check_channels(request.input.channels)
    cache_dir = request.cache_dir or default_cache_dir()
    if request.source is not None:
        listing = list_xrays(request.source, request.seed, request.groups, cache_dir)
        return load_listed_xrays(listing, request, on_progress)
    with built_in_xrays(cache_dir) as folder:
        listing = list_xrays(folder, request.seed, cache_dir=cache_dir)
        data = load_listed_xrays(listing, request, on_progress)
    return as_built_in(data, BUILT_IN_XRAY_SOURCE)


def load_listed_xrays(
    listing: XrayListing,
    request: DataRequest,
    on_progress: Progress | None = None,
    *,
    every_class: bool = True,
) -> XrayData:
    """The splits of a listed data set that are asked for.

    Without `every_class` those that can't be learned from are loaded too.
    """
    size, preprocess = request.input, request.preprocess_of(XrayPreprocess)
    maker = XrayMaker(size.height, size.width, size.channels, preprocess)
    cache_dir = request.cache_dir or default_cache_dir()
    memo = DigestMemo(cache_dir, listing.root)
    labels = preprocess.labels or "study"
    chosen = [item for item in listing.files if labels == "study" or not item.unmarked]
    passed_over: list[str] = []

    def read(split: Split, left_out: list[str]) -> XraySet:
        members = [item for item in chosen if item.split == split]
        if not members:
            raise _without_images(listing, split)
        mates = listing.members(split)
        decoded = split_pixels(members, mates, maker, memo, cache_dir, on_progress)
        passed_over.extend(f"{members[n].key}: {note}" for n, note in decoded.notes.items())
        found = labelled_xrays(members, decoded, labels, left_out)
        if not len(found):
            problem = f"no image in the {split} split can be read{first_of(left_out)}"
            raise NasError(problem, file=listing.source)
        if every_class:
            refuse_gaps(found, split, listing, chosen, labels, left_out)
        return found

    data = load_splits(request, listing, preprocess, read)
    notes = (*_notes(listing, chosen), *_of_headers(passed_over))
    data = replace(data, classes=XRAY_CLASSES[labels], notes=notes)
    parts = {split: Named(found.paths, found.pixels) for split, found in data.splits.items()}
    return tell_copies(data, parts, strict=request.strict)


def _without_images(listing: XrayListing, split: Split) -> NasError:
    """What is said of a split without images: of the folds, where a table gives too few."""
    problem = f"no images for the {split} split"
    folds = sorted({item.fold for item in listing.files if item.fold is not None})
    if not listing.given_folds or len(folds) == FOLDS:
        return NasError(problem, file=listing.source)
    problem += f": all images are in fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))}"
    problem += f"; {FOLDS} folds are needed, 0 to {FOLDS - 1}, or an empty column for made ones"
    return NasError(problem, file=listing.places.meta, key="fold")


def _of_headers(passed_over: Sequence[str]) -> tuple[str, ...]:
    """One line of the files whose headers say what can't be."""
    if not passed_over:
        return ()
    return (f"{len(passed_over)} files have odd headers{first_of(passed_over)}",)


def _notes(listing: XrayListing, chosen: Sequence[ListedXray]) -> tuple[str, ...]:
    copies = len(listing.files) - len(chosen)
    strangers = sum(item.patient is None for item in listing.files)
    notes = []
    if copies:
        notes.append(
            f"{copies} images without boxes are left out: another image of their study has them"
        )
    if strangers:
        notes.append(f"of {strangers} images no patient is known: they are kept apart by study")
    marked = {item.study_id for item in listing.files if item.boxes}
    negative = {item.study_id for item in listing.files if item.study_class == "negative"}
    if doubtful := sorted(marked & negative):
        notes.append(f"{len(doubtful)} studies are negative and have boxes{first_of(doubtful)}")
    return tuple(notes)

"""Whether a split holds what it takes to learn from it, or to rank epochs by it."""

from collections import Counter
from collections.abc import Sequence

from nas.data.files import first_of
from nas.data.splits import SPLITS, Split
from nas.data.xray.dataset import XRAY_CLASSES, ListedXray, XraySet, label_names
from nas.data.xray.listing import XrayListing
from nas.data.xray.preprocess import XrayLabels
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

"""Pictures with boxes in their splits, listed before any is decoded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nas.data.image.box_source import BoxSource, LabelledBox, find_box_source
from nas.data.image.listing import refuse_crossing_groups
from nas.data.image.source import ImageFile
from nas.data.image.splits import divide_images
from nas.data.listing import Listing
from nas.data.splits import SPLITS
from nas.data.table import groups_of
from nas.errors import NasError, did_you_mean

PICTURE = "picture"
"""What stands for a class where pictures are decoded."""


@dataclass(frozen=True, eq=False)
class BoxListing:
    """The pictures of a data set in their splits, and their boxes by key."""

    pictures: Listing[ImageFile]
    classes: tuple[str, ...]
    """Of the training split, sorted."""
    boxes: Mapping[str, tuple[LabelledBox, ...]]


def list_boxes(source: Path, seed: int = 0, groups: Path | None = None) -> BoxListing:
    """The pictures of a data set (see `find_box_source`), divided.

    Validation and test, where the source has none, are taken from train by `seed`, each class in
    its share of pictures, by whole groups. Raises NasError for what can't be learned from, and for
    a class that no picture of train has.
    """
    found = find_box_source(source)
    kept = {key: item for key, item in found.pictures.items() if item.boxes or not item.unusable}
    files = tuple(
        ImageFile(key, item.path, PICTURE, item.split, item.group)
        for key, item in sorted(kept.items())
    )
    if groups is not None:
        names = groups_of(groups, found.root, [file.key for file in files], "images")
        files = tuple(replace(file, group=group) for file, group in zip(files, names, strict=True))
    refuse_crossing_groups(files, source)
    boxes = {key: tuple(item.boxes) for key, item in kept.items()}
    labels = {
        key: tuple(sorted({item.name for item in own})) or ("",) for key, own in boxes.items()
    }
    given = {file.split for file in files}
    made = tuple(split for split in SPLITS if split != "train" and split not in given)
    listing = Listing(
        source=source,
        root=found.root,
        files=divide_images(files, seed, labels),
        classes=(PICTURE,),
        made_splits=made,
        wrong=tuple(found.wrong),
    )
    return BoxListing(listing, _classes(found, listing, boxes, source), boxes)


def _classes(
    found: BoxSource,
    listing: Listing[ImageFile],
    boxes: Mapping[str, tuple[LabelledBox, ...]],
    source: Path,
) -> tuple[str, ...]:
    """Those of train. Raises NasError for none, and for one of another split that is none."""
    classes = sorted({item.name for file in listing.members("train") for item in boxes[file.key]})
    if not classes:
        why = f"; {found.wrong[0]}" if found.wrong else ""
        raise NasError(f"no picture of train has a box that can be used{why}", file=source)
    for file in listing.files:
        for item in boxes[file.key]:
            if item.name not in classes:
                raise NasError(
                    f"{item.place}: class {item.name!r} is in the {file.split} split but not in "
                    f"train{did_you_mean(item.name, classes)}",
                    file=source,
                )
    return tuple(classes)

"""Pictures with boxes, by split: listed, divided, decoded once, cached."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nas.data.boxes import Size, clipped_box, scaled_boxes
from nas.data.cache import default_cache_dir
from nas.data.dataset import DataRequest, TaskData
from nas.data.decode import check_channels
from nas.data.files import Progress, first_of
from nas.data.image.box_listing import BoxListing, list_boxes
from nas.data.image.box_set import BoxData, BoxSet
from nas.data.image.dataset import ImageSet
from nas.data.image.load import load_listed_images
from nas.data.listing import as_built_in
from nas.data.splits import Split
from nas.data.synthetic.shapes import SHAPES_SOURCE, shapes_folder
from nas.errors import NasError


def load_boxes(request: DataRequest, on_progress: Progress | None = None) -> BoxData:
    """The splits that are asked for (see `list_boxes`); without a source the generated shapes.

    A box that lies outside its picture is left out, and the picture too where it has no other.
    Raises NasError for data that can't be learned from, and with `strict` for anything left out.
    """
    check_channels(request.input.channels)
    if request.source is not None:
        return _load(request, request.source, on_progress)
    with shapes_folder(request.cache_dir or default_cache_dir()) as folder:
        return as_built_in(_load(request, folder, on_progress), SHAPES_SOURCE)


def _load(request: DataRequest, source: Path, on_progress: Progress | None) -> BoxData:
    listed = list_boxes(source, request.seed, request.groups)
    data = load_listed_images(listed.pictures, request, on_progress)
    groups = {file.key: file.group or file.key for file in listed.pictures.files}
    left_out: list[str] = []
    splits: dict[Split, BoxSet] = {
        split: _with_boxes(found, listed, groups, left_out) for split, found in data.splits.items()
    }
    if request.strict and left_out:
        problem = f"{len(left_out)} boxes can't be used{first_of(left_out, 5)}"
        raise NasError(problem, file=source)
    if (train := splits.get("train")) is not None:
        numbers = {int(number) for own_B in train.box_classes for number in own_B}
        lost = [name for k, name in enumerate(listed.classes) if k not in numbers]
        if lost:
            problem = f"no box of {', '.join(map(repr, lost))} in the train split can be used"
            raise NasError(f"{problem}{first_of([*data.unreadable, *left_out])}", file=source)
    return TaskData(
        splits=splits,
        classes=listed.classes,
        source=data.source,
        preprocess=data.preprocess,
        input=data.input,
        made_splits=data.made_splits,
        split_digest=data.split_digest,
        unreadable=(*data.unreadable, *left_out),
        copies=data.copies,
        notes=data.notes,
        ignored_files=data.ignored_files,
    )


def _with_boxes(
    found: ImageSet, listed: BoxListing, groups: Mapping[str, str], left_out: list[str]
) -> BoxSet:
    """The decoded pictures with the boxes that lie in them."""
    assert found.original_sizes_N2 is not None
    size = (found.pixels.shape[1], found.pixels.shape[2])
    number = {name: k for k, name in enumerate(listed.classes)}
    kept, boxes, classes = [], [], []
    for n, (key, (height, width)) in enumerate(
        zip(found.paths, found.original_sizes_N2.tolist(), strict=True)
    ):
        original: Size = (height, width)
        inside, own = [], []
        for item in listed.boxes[key]:
            clipped = clipped_box(item.box, original)
            if clipped is None:
                edges = " ".join(f"{edge:g}" for edge in item.box)
                line = f"{item.place}: box {edges} lies outside {key}, {height} x {width}"
                left_out.append(line)
                continue
            inside.append(clipped)
            own.append(number[item.name])
        if inside or not listed.boxes[key]:
            kept.append(n)
            boxes.append(scaled_boxes(inside, original, size))
            classes.append(np.array(own, np.int64))
    # All of them are the cache's own memory, some are a copy.
    pixels = found.pixels if len(kept) == len(found) else found.pixels[kept]
    pixels.flags.writeable = False
    paths = tuple(found.paths[n] for n in kept)
    return BoxSet(
        pixels,
        tuple(boxes),
        tuple(classes),
        found.original_sizes_N2[kept],
        tuple(groups[path] for path in paths),
        paths,
        listed.classes,
    )

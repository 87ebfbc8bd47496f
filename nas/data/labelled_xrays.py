"""From decoded X-rays and what the tables say of them to a split."""

from collections.abc import Sequence

import numpy as np

from nas.data.boxes import Boxes, Size, clipped_box, scaled_boxes
from nas.data.cache import DecodedFiles
from nas.data.listed_xray import ListedXray
from nas.data.siim import OPACITY_CLASSES, STUDY_CLASSES
from nas.data.xray_set import XRAY_CLASSES, XraySet
from nas.spec.preprocess import XrayLabels


def labelled_xrays(
    members: Sequence[ListedXray], decoded: DecodedFiles, labels: XrayLabels, left_out: list[str]
) -> XraySet:
    """The readable images with their labels and boxes; a line to `left_out` for each other one, and
    for each box that lies outside its image.

    An image that had boxes, and none is left, has an opacity that nobody can find: it is left out
    unless its study's class is learned.
    """
    left_out += [f"{members[n].key}: {why}" for n, why in decoded.unreadable.items()]
    readable = [item for n, item in enumerate(members) if n not in decoded.unreadable]
    size = (decoded.pixels.shape[1], decoded.pixels.shape[2])
    originals = [(int(height), int(width)) for height, width in decoded.original_sizes_N2]
    boxes = [
        _input_boxes(item, original, size, left_out)
        for item, original in zip(readable, originals, strict=True)
    ]
    kept = [n for n, item in enumerate(readable) if len(boxes[n]) or not item.boxes]
    if labels == "study":
        kept = list(range(len(readable)))
    items, names = [readable[n] for n in kept], _names(labels)
    # All of them are the cache's own memory, some are a copy.
    pixels = decoded.pixels if len(kept) == len(readable) else decoded.pixels[kept]
    pixels.flags.writeable = False
    return XraySet(
        pixels,
        np.array([names.index(item.class_by(labels)) for item in items], dtype=np.int64),
        tuple(boxes[n] for n in kept),
        decoded.original_sizes_N2[kept],
        tuple(item.id for item in items),
        tuple(item.study_id for item in items),
        tuple(item.group for item in items),
        tuple(item.key for item in items),
        XRAY_CLASSES[labels],
    )


def label_names(found: XraySet, labels: XrayLabels) -> list[str]:
    """Names of the labels that its images have, each once; where boxes are learned too."""
    names = _names(labels)
    return [names[number] for number in np.unique(found.labels_N)]


def _names(labels: XrayLabels) -> tuple[str, ...]:
    """Of the numbers in `XraySet.labels_N`."""
    return STUDY_CLASSES if labels == "study" else OPACITY_CLASSES


def _input_boxes(item: ListedXray, original_size: Size, size: Size, left_out: list[str]) -> Boxes:
    """The boxes of an image in pixels of the input."""
    height, width = original_size
    kept = []
    for box in item.boxes:
        clipped = clipped_box(box, original_size)
        if clipped is not None:
            kept.append(clipped)
            continue
        edges = " ".join(f"{edge:g}" for edge in box)
        left_out.append(f"{item.place}: box {edges} lies outside the image, {height} x {width}")
    return scaled_boxes(kept, original_size, size)

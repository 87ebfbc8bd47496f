"""What a data set of X-rays holds: classes, patients, boxes, sizes and folds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.data.cache import default_cache_dir
from nas.data.files import Progress
from nas.data.image.statistics import Spread
from nas.data.normalise import channel_statistics
from nas.data.request import DataRequest
from nas.data.splits import SPLITS, Split
from nas.data.xray.dataset import XrayData, XraySet
from nas.data.xray.folds import FOLDS
from nas.data.xray.listing import list_xrays
from nas.data.xray.load import load_xrays
from nas.data.xray.preprocess import XrayPreprocess
from nas.data.xray.siim import STUDY_CLASSES
from nas.spec.definition import InputSpec

_SIDE = 256
"""Height and width in pixels at which brightness is measured."""


@dataclass(frozen=True)
class ShareSpread:
    """Smallest, median and largest of some shares."""

    minimum: float
    median: float
    maximum: float


@dataclass(frozen=True)
class SplitXrays:
    """Readable images of one split."""

    split: Split
    given: bool
    """False where the split was taken from train."""
    class_counts: tuple[int, ...]
    """Images of each of the study's classes."""
    images: int
    with_boxes: int
    studies: int
    patients: int
    """Patients where they are known, else studies."""


@dataclass(frozen=True)
class XrayStatistics:
    """Figures of one data set of X-rays."""

    source: str
    classes: tuple[str, ...]
    splits: tuple[SplitXrays, ...]
    boxes_per_image: tuple[int, ...]
    """Images with no box, with one, with two and so on."""
    box_height: ShareSpread | None
    """Of the image's height; null without boxes."""
    box_width: ShareSpread | None
    height: Spread
    """Of the files, in pixels."""
    width: Spread
    mean: float
    """Over all pixels of the training images, on the scale of 0 to 1."""
    std: float
    fold_images: tuple[int, ...]
    """Images of each fold, read or not; a given test split is in none."""
    notes: tuple[str, ...]
    unreadable: tuple[str, ...]
    """`PATH: REASON` or `TABLE:LINE: REASON` of what is left out."""
    ignored_files: int


def xray_statistics(
    source: Path,
    *,
    seed: int = 0,
    strict: bool = False,
    groups: Path | None = None,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> XrayStatistics:
    """Figures of the data set `source`; its images are decoded (and cached) on the way.

    Raises NasError as `load_xrays` does, but not for a class without images: it counts 0.
    """
    cache_dir = cache_dir or default_cache_dir()
    data = load_xrays(
        DataRequest(
            source,
            InputSpec(channels=1, height=_SIDE, width=_SIDE),
            XrayPreprocess(labels="study"),
            splits=SPLITS,
            seed=seed,
            strict=strict,
            groups=groups,
            cache_dir=cache_dir,
        ),
        on_progress=on_progress,
        every_class=False,
    )
    parts = [data.split(split) for split in SPLITS]
    folds = Counter(item.fold for item in list_xrays(source, seed, groups, cache_dir).images)
    sizes_N2 = np.concatenate([part.original_sizes_N2 for part in parts])
    edges_B4 = np.concatenate([boxes for part in parts for boxes in part.boxes]) / _SIDE
    (mean,), (std,) = channel_statistics(parts[0].images)
    return XrayStatistics(
        source=str(source),
        classes=STUDY_CLASSES,
        splits=tuple(_split_xrays(data, split) for split in SPLITS),
        boxes_per_image=_boxes_per_image(parts),
        box_height=_shares(edges_B4[:, 3] - edges_B4[:, 1]),
        box_width=_shares(edges_B4[:, 2] - edges_B4[:, 0]),
        height=_spread(sizes_N2[:, 0]),
        width=_spread(sizes_N2[:, 1]),
        mean=mean,
        std=std,
        fold_images=tuple(folds[fold] for fold in range(FOLDS)),
        notes=data.notes,
        unreadable=data.unreadable,
        ignored_files=data.ignored_files,
    )


def _split_xrays(data: XrayData, split: Split) -> SplitXrays:
    found = data.split(split)
    return SplitXrays(
        split,
        split not in data.made_splits,
        found.images.class_counts,
        len(found),
        sum(len(boxes) > 0 for boxes in found.boxes),
        len(set(found.study_ids)),
        len(set(found.patients)),
    )


def _boxes_per_image(parts: Sequence[XraySet]) -> tuple[int, ...]:
    counts = Counter(len(boxes) for part in parts for boxes in part.boxes)
    return tuple(counts[number] for number in range(max(counts) + 1))


def _shares(values_B: np.ndarray) -> ShareSpread | None:
    if not len(values_B):
        return None
    low, median, high = (round(float(value), 4) for value in np.percentile(values_B, (0, 50, 100)))
    return ShareSpread(low, median, high)


def _spread(values_N: np.ndarray) -> Spread:
    return Spread(int(values_N.min()), round(float(np.median(values_N))), int(values_N.max()))

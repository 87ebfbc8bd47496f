"""What a data set looks like: classes, shapes, and the input size that its shapes suggest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.data.decode import UnreadableImage, guarded_pillow, upright_size
from nas.data.files import Progress
from nas.data.image.dataset import UnreadableFile
from nas.data.image.listing import ImageFile
from nas.data.image.load import list_images, load_images
from nas.data.image.splits import assign_splits
from nas.data.normalise import channel_statistics
from nas.data.request import DataRequest
from nas.data.splits import SPLITS, Split
from nas.errors import NasError
from nas.spec.definition import InputSpec


@dataclass(frozen=True)
class Spread:
    """Smallest, median and largest of some sizes in pixels."""

    minimum: int
    median: int
    maximum: int


@dataclass(frozen=True)
class SplitCounts:
    """Readable images of one split."""

    split: Split
    given: bool
    """False where the split was taken from train."""
    class_counts: tuple[int, ...]


@dataclass(frozen=True)
class DataStatistics:
    """Figures of one data set of images."""

    source: str
    classes: tuple[str, ...]
    splits: tuple[SplitCounts, ...]
    height: Spread
    """Of all readable images, upright but not turned."""
    width: Spread
    portrait_share: float
    """Share of the training images that are higher than wide."""
    mean_ratio: float
    """Short side by long side, the mean over the training images: height by width once portraits
    are turned."""
    input_size: tuple[int, int]
    """(height, width) of the suggested input."""
    macs_saved: float
    """Share of the MACs that this ratio saves of those at a square input of the long side."""
    mean: tuple[float, ...]
    """Of each channel over the training images at the suggested input, on the scale of 0 to 1."""
    std: tuple[float, ...]
    unreadable: tuple[UnreadableFile, ...]
    ignored_files: int


def image_statistics(
    source: Path,
    *,
    long_side: int = 64,
    channels: int = 3,
    seed: int = 0,
    strict: bool = False,
    groups: Path | None = None,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> DataStatistics:
    """Figures of the data set `source`; its images are decoded (and cached) on the way.

    `long_side` is the width of the suggested input in pixels. Raises NasError as
    `load_images` does.
    """
    listing = list_images(source, groups)
    files = assign_splits(listing.files, seed)
    sizes = _upright_sizes(files)
    train_sizes = [sizes[file.key] for file in files if file.split == "train" and file.key in sizes]
    if not train_sizes:
        raise NasError("no image of the train split can be read", file=source)
    ratio = float(np.mean([min(size) / max(size) for size in train_sizes]))
    input_size = (max(round(long_side * ratio), 1), long_side)
    present = [split for split in SPLITS if any(file.split == split for file in files)]
    data = load_images(
        DataRequest(
            source,
            InputSpec(channels=channels, height=input_size[0], width=input_size[1]),
            splits=tuple(present),
            seed=seed,
            strict=strict,
            groups=groups,
            cache_dir=cache_dir,
        ),
        on_progress=on_progress,
    )
    readable = [sizes[path] for split in present for path in data.split(split).paths]
    mean, std = channel_statistics(data.split("train"))
    return DataStatistics(
        source=str(source),
        classes=data.classes,
        splits=tuple(
            SplitCounts(split, split not in data.made_splits, data.split(split).class_counts)
            for split in present
        ),
        height=_spread([height for height, _ in readable]),
        width=_spread([width for _, width in readable]),
        portrait_share=float(np.mean([height > width for height, width in train_sizes])),
        mean_ratio=ratio,
        input_size=input_size,
        macs_saved=1 - ratio,
        mean=mean,
        std=std,
        unreadable=data.unreadable,
        ignored_files=data.ignored_files,
    )


def _upright_sizes(files: Sequence[ImageFile]) -> dict[str, tuple[int, int]]:
    """(height, width) by key of the files whose header can be read."""
    sizes: dict[str, tuple[int, int]] = {}
    with guarded_pillow():
        for file in files:
            try:
                sizes[file.key] = upright_size(file.path)
            except UnreadableImage:
                continue
    return sizes


def _spread(values: Sequence[int]) -> Spread:
    return Spread(min(values), round(float(np.median(values))), max(values))

"""Statistics of a data set of images: classes, shapes, and the suggested input size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nas.data.decode import UnreadableImage, guarded_pillow, upright_size
from nas.data.files import Progress
from nas.data.image.dataset import ImageData
from nas.data.image.listing import list_images
from nas.data.image.load import load_listed_images, nearest_words
from nas.data.image.source import ImageFile
from nas.data.listing import Listing
from nas.data.normalise import channel_statistics
from nas.data.splits import SPLITS, Split
from nas.data.statistics import DataStatistics, Spread, StatisticsRequest, copy_lines, split_table
from nas.errors import NasError
from nas.spec.definition import InputSpec
from nas.text_table import shown_classes

LONG_SIDE = 64
"""Width of the suggested input in pixels, where none is asked for and the images are as large."""


@dataclass(frozen=True)
class SplitCounts:
    """Readable images of one split."""

    split: Split
    given: bool
    """False where the split was taken from train."""
    class_counts: tuple[int, ...]


@dataclass(frozen=True)
class UnreadableFile:
    """A file that was named as an image and left out."""

    path: str
    reason: str


@dataclass(frozen=True)
class ImageStatistics(DataStatistics):
    """Figures of one data set of images."""

    source: str
    classes: tuple[str, ...]
    splits: tuple[SplitCounts, ...]
    height: Spread
    """Of all readable images, upright but not turned."""
    width: Spread
    portrait_share: float
    """Share of the training images that are higher than wide."""
    class_ratio: float | None
    """Training images of the largest class by those of the smallest; None where that has none."""
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
    copies: tuple[str, ...]
    """Files whose content stands in another split too (`=`), or nearly does (`~`)."""
    ignored_files: int

    def lines(self) -> list[str]:
        height, width = self.input_size
        portraits = f"{self.portrait_share:.1%} of the training images, to be turned"
        ratio = f"1 : {self.mean_ratio:.3f} (long : short side, training images)"
        balance = "a class without training images"
        if self.class_ratio is not None:
            balance = f"{self.class_ratio:.1f} : 1 (largest : smallest class, training images)"
        lines = [
            self.source,
            "",
            *self._count_table(),
            "",
            f"height            {self.height}",
            f"width             {self.width}",
            f"portraits         {portraits}",
            f"balance           {balance}",
            f"mean ratio        {ratio}",
            f"suggested input   {height} x {width} (height x width)",
            f"MACs saved        {self.macs_saved:.1%} of those at {width} x {width}",
            f"mean              {', '.join(f'{value:.4f}' for value in self.mean)}",
            f"std               {', '.join(f'{value:.4f}' for value in self.std)}",
            f"ignored files     {self.ignored_files}",
            f"unreadable files  {len(self.unreadable)}",
        ]
        lines += [f"  {file.path}: {file.reason}" for file in self.unreadable]
        lines += turning_advice(self.portrait_share)
        return lines + copy_lines(self.copies)

    def _count_table(self) -> list[str]:
        columns = [split.class_counts for split in self.splits]
        shown, more = shown_classes([sum(counts) for counts in zip(*columns, strict=True)])
        rows = [
            (self.classes[position], *(str(counts[position]) for counts in columns))
            for position in shown
        ]
        rows.append(("all", *(str(sum(counts)) for counts in columns)))
        return split_table(self.splits, rows) + more


MIXED = (0.1, 0.9)
"""Shares of portraits between which turning them makes pictures of one shape."""


def turning_advice(portrait_share: float) -> list[str]:
    """Whether turning portraits pays, in a line; nothing where there are none."""
    if not portrait_share:
        return []
    low, high = MIXED
    if portrait_share >= high:
        return [
            "turning           nearly all pictures are portraits: turn none (preprocess: "
            "{turn_portrait: false}) and give the input their shape; on portrait X-rays as "
            "pictures turning cost 0.23 macro-F1"
        ]
    if portrait_share <= low:
        return [
            "turning           few pictures are portraits: turning them gives all one shape; "
            "turn none (preprocess: {turn_portrait: false}) where things have an upright position"
        ]
    return [
        "turning           both portraits and others: turning gives all one shape where things "
        "may lie any way; where they have an upright position (faces, X-rays, scenes) turn none "
        "(preprocess: {turn_portrait: false}) and take a square input"
    ]


def image_statistics(
    request: StatisticsRequest, on_progress: Progress | None = None, *, channels: int = 3
) -> ImageStatistics:
    """Figures of a data set of images, which are decoded (and cached) on the way.

    Raises NasError as `load_images` does.
    """
    listing = list_images(request.source, request.seed, request.groups)
    return listed_statistics(listing, request, on_progress, channels=channels)[0]


def listed_statistics(
    listing: Listing[ImageFile],
    request: StatisticsRequest,
    on_progress: Progress | None = None,
    *,
    channels: int = 3,
) -> tuple[ImageStatistics, ImageData]:
    """Figures of listed images, and the images at the suggested input."""
    sizes = _upright_sizes(listing.files)
    train = [sizes[file.key] for file in listing.members("train") if file.key in sizes]
    if not train:
        raise NasError(
            f"no image of the train split can be read{_example(listing)}", file=request.source
        )
    ratio = float(np.mean([min(size) / max(size) for size in train]))
    width = request.long_side or min(LONG_SIDE, round(float(np.median([max(s) for s in train]))))
    size = InputSpec(channels=channels, height=max(round(width * ratio), 1), width=width)
    present = tuple(split for split in SPLITS if listing.members(split))
    data = load_listed_images(listing, request.data(size, None, present), on_progress)
    readable_N2 = np.array([sizes[path] for split in present for path in data.split(split).paths])
    mean, std = channel_statistics(data.split("train").pixels)
    counts = data.split("train").class_counts
    statistics = ImageStatistics(
        source=data.source,
        classes=data.classes,
        splits=tuple(
            SplitCounts(split, split not in data.made_splits, data.split(split).class_counts)
            for split in present
        ),
        height=Spread.of(readable_N2[:, 0]),
        width=Spread.of(readable_N2[:, 1]),
        portrait_share=float(np.mean([height > width for height, width in train])),
        class_ratio=max(counts) / min(counts) if min(counts) else None,
        mean_ratio=ratio,
        input_size=(size.height, size.width),
        macs_saved=1 - ratio,
        mean=mean,
        std=std,
        unreadable=_unreadable(listing, data),
        copies=data.copies,
        ignored_files=data.ignored_files,
    )
    return statistics, data


def _example(listing: Listing[ImageFile]) -> str:
    """Why the first one can't."""
    for file in listing.members("train"):
        if not file.path.exists():
            return f": {file.key}: no such file{nearest_words(file.path, listing.root)}"
        try:
            with guarded_pillow():
                upright_size(file.path)
        except UnreadableImage as error:
            return f": {file.key}: {error}"
    return ""


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


def _unreadable(listing: Listing[ImageFile], data: ImageData) -> tuple[UnreadableFile, ...]:
    """The files that are listed and were not read, in the order of `data.unreadable`."""
    lost: list[str] = []
    for split, found in data.splits.items():
        read = set(found.paths)
        lost += [file.key for file in listing.members(split) if file.key not in read]
    return tuple(
        UnreadableFile(key, line.removeprefix(f"{key}: "))
        for key, line in zip(lost, data.unreadable, strict=True)
    )

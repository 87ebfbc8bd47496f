"""What a data set of recordings holds: recordings and rows of each class, by split."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.data.audio.dataset import EventRow
from nas.data.audio.listing import AudioListing, list_recordings
from nas.data.splits import SPLITS, Split
from nas.errors import NasError


@dataclass(frozen=True)
class SplitEvents:
    """Recordings and rows of one split."""

    split: Split
    given: bool
    """False where the split was taken from train."""
    complete: bool
    """Whether all that sounds is labelled."""
    recordings: int
    present_counts: tuple[int, ...]
    """Rows of each class that say it sounds."""
    absent_counts: tuple[int, ...]
    """Rows of each class that say it does not."""


@dataclass(frozen=True)
class AudioStatistics:
    """Figures of one data set of recordings."""

    source: str
    classes: tuple[str, ...]
    splits: tuple[SplitEvents, ...]
    wrong: tuple[str, ...]
    """`TABLE:LINE: REASON` of each row that can't be used."""
    ignored_files: int
    """Recordings that no table labels, where labels are known in part."""


def holds_recordings(source: Path) -> bool:
    """Whether `source` has the form of a data set of recordings, and not of pictures."""
    if source.is_dir():
        return (source / "train_tp.csv").exists()
    return source.suffix.lower() in (".yaml", ".yml")


def audio_statistics(
    source: Path, *, seed: int = 0, strict: bool = False, groups: Path | None = None
) -> AudioStatistics:
    """Figures of the tables of `source`; no recording is decoded.

    Raises NasError as `list_recordings` does, and with `strict` for a row that can't be used.
    """
    listing = list_recordings(source, seed, groups)
    if strict and listing.wrong:
        problem = f"{len(listing.wrong)} rows can't be used, the first is {listing.wrong[0]}"
        raise NasError(problem, file=source)
    return AudioStatistics(
        str(source),
        listing.classes,
        tuple(_split_events(listing, split) for split in SPLITS),
        listing.wrong,
        listing.ignored_files,
    )


def _split_events(listing: AudioListing, split: Split) -> SplitEvents:
    members = [item for item in listing.recordings if item.split == split]
    return SplitEvents(
        split,
        split not in listing.made_splits,
        listing.complete(split),
        len(members),
        _counts([row for item in members for row in item.rows_tp], listing.classes),
        _counts([row for item in members for row in item.rows_fp], listing.classes),
    )


def _counts(rows: Sequence[EventRow], classes: Sequence[str]) -> tuple[int, ...]:
    found = Counter(row.species for row in rows)
    return tuple(found[name] for name in classes)

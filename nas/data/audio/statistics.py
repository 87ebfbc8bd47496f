"""Statistics of a data set of recordings: recordings and rows of each class, by split."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nas.data.audio.dataset import EventRow
from nas.data.audio.listing import AudioListing, list_recordings
from nas.data.splits import SPLITS, Split
from nas.data.statistics import DataStatistics, StatisticsRequest, split_table
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

    def rows_text(self, number: int) -> str:
        """Both counts of a class."""
        return f"{self.present_counts[number]} + {self.absent_counts[number]}"


@dataclass(frozen=True)
class AudioStatistics(DataStatistics):
    """Figures of one data set of recordings."""

    source: str
    classes: tuple[str, ...]
    splits: tuple[SplitEvents, ...]
    wrong: tuple[str, ...]
    """`TABLE:LINE: REASON` of each row that can't be used."""
    ignored_files: int
    """Recordings that no table labels, where labels are known in part."""

    def lines(self) -> list[str]:
        in_part = [item.split for item in self.splits if not item.complete]
        known = f"in part in {', '.join(in_part)}" if in_part else "all that sounds"
        lines = [
            self.source,
            "",
            "rows that say a class sounds + rows that say it does not",
            *self._event_table(),
            "",
            f"labelled          {known}",
            f"ignored files     {self.ignored_files}",
            f"wrong rows        {len(self.wrong)}",
        ]
        return lines + [f"  {row}" for row in self.wrong]

    def _event_table(self) -> list[str]:
        rows = [
            (name, *(item.rows_text(number) for item in self.splits))
            for number, name in enumerate(self.classes)
        ]
        rows.append(("recordings", *(str(item.recordings) for item in self.splits)))
        return split_table(self.splits, rows)


def audio_statistics(request: StatisticsRequest) -> AudioStatistics:
    """Figures of the tables of a data set; no recording is decoded.

    Raises NasError as `list_recordings` does, and with `strict` for a row that can't be used.
    """
    request.refuse_long_side("recordings have no sides")
    listing = list_recordings(request.source, request.seed, request.groups)
    if request.strict and listing.wrong:
        problem = f"{len(listing.wrong)} rows can't be used, the first is {listing.wrong[0]}"
        raise NasError(problem, file=request.source)
    return AudioStatistics(
        str(request.source),
        listing.classes,
        tuple(_split_events(listing, split) for split in SPLITS),
        listing.wrong,
        listing.ignored_files,
    )


def _split_events(listing: AudioListing, split: Split) -> SplitEvents:
    members = listing.members(split)
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

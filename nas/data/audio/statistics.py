"""Statistics of a data set of recordings: recordings and rows of each class, by split."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import median

from nas.data.audio.dataset import EventRow
from nas.data.audio.decode import declared_duration_s, declared_length
from nas.data.audio.listing import AudioListing, list_recordings
from nas.data.cache import default_cache_dir
from nas.data.copies import same_content
from nas.data.digests import MISSING, DigestMemo
from nas.data.files import first_of
from nas.data.splits import SPLITS, Split
from nas.data.statistics import DataStatistics, StatisticsRequest, copy_lines, split_table
from nas.errors import NasError
from nas.text_table import shown_classes


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
class SoundInput:
    """Settings of spectrograms that suit some recordings, for windows of 512 frames."""

    sample_rate_hz: int
    """The commonest, at most 32 kHz."""
    hop_samples: int
    """Such that a window holds the median recording, or 8 s of it."""
    overlap_frames: int
    """Those of the median event, at most half a window."""

    @property
    def window_s(self) -> float:
        """Seconds of a window."""
        return _WINDOW * self.hop_samples / self.sample_rate_hz

    def lines(self) -> list[str]:
        """As keys of `sed.yaml`."""
        return [
            f"suggested         windows of {_WINDOW} frames, {self.window_s:.1f} s, in a copy of "
            "sed.yaml:",
            f"  preprocess: {{kind: mel, sample_rate_hz: {self.sample_rate_hz}, fft_samples: "
            f"{4 * self.hop_samples}, hop_samples: {self.hop_samples}, overlap_frames: "
            f"{self.overlap_frames}}}",
        ]


_WINDOW = 512
_MOST_S = 8.0
_LEAST_HOP = 64


def _suggested(listing: AudioListing) -> SoundInput | None:
    said = [length for item in listing.files if (length := declared_length(item.path))]
    if not said:
        return None
    ((common_hz, _),) = Counter(rate_hz for _, rate_hz in said).most_common(1)
    rate_hz = min(common_hz, 32_000)
    wanted_s = min(median(samples / own_hz for samples, own_hz in said), _MOST_S)
    hop = _LEAST_HOP
    while _WINDOW * hop / rate_hz < wanted_s:
        hop *= 2
    events_s = [
        row.t_max_s - row.t_min_s
        for item in listing.files
        for row in item.rows_tp
        if isfinite(row.t_max_s)
    ]
    overlap = round(median(events_s) * rate_hz / hop) if events_s else 0
    return SoundInput(rate_hz, hop, min(max(overlap, 0), _WINDOW // 2))


@dataclass(frozen=True)
class AudioStatistics(DataStatistics):
    """Figures of one data set of recordings."""

    source: str
    classes: tuple[str, ...]
    splits: tuple[SplitEvents, ...]
    wrong: tuple[str, ...]
    """`TABLE:LINE: REASON` of each row that can't be used."""
    copies: tuple[str, ...]
    """Files whose content stands in another split too."""
    ignored_files: int
    """Recordings that no table labels, where labels are known in part."""
    suggestion: SoundInput | None = None
    """None where no header says how long a recording is."""

    def lines(self) -> list[str]:
        in_part = [item.split for item in self.splits if not item.complete]
        known = f"in part in {', '.join(in_part)}" if in_part else "all that sounds"
        lines = [
            self.source,
            "",
            "rows that say a class sounds + rows that say it does not",
            *self._event_table(),
            "",
            *([] if self.suggestion is None else self.suggestion.lines()),
            f"labelled          {known}",
            f"ignored files     {self.ignored_files}",
            f"wrong rows        {len(self.wrong)}",
        ]
        return lines + [f"  {row}" for row in self.wrong] + copy_lines(self.copies)

    def _event_table(self) -> list[str]:
        columns = [item.present_counts for item in self.splits]
        shown, more = shown_classes([sum(counts) for counts in zip(*columns, strict=True)])
        rows = [
            (self.classes[number], *(item.rows_text(number) for item in self.splits))
            for number in shown
        ]
        rows.append(("recordings", *(str(item.recordings) for item in self.splits)))
        return split_table(self.splits, rows) + more


def audio_statistics(request: StatisticsRequest) -> AudioStatistics:
    """Figures of the tables of a data set; no recording is decoded, only their headers are read.

    Raises NasError as `list_recordings` does, and with `strict` for a row that can't be used and a
    file whose content stands in two splits.
    """
    request.refuse_long_side("recordings have no sides")
    listing = list_recordings(request.source, request.seed, request.groups)
    wrong = (*listing.wrong, *_beyond_ends(listing))
    if request.strict and wrong:
        problem = f"{len(wrong)} rows can't be used, the first is {wrong[0]}"
        raise NasError(problem, file=request.source)
    copies = _copies(listing, request.cache_dir or default_cache_dir())
    if request.strict and copies:
        problem = f"{len(copies)} files stand in another split{first_of(copies)}"
        raise NasError(problem, file=request.source)
    return AudioStatistics(
        str(request.source),
        listing.classes,
        tuple(_split_events(listing, split) for split in SPLITS),
        wrong,
        copies,
        listing.ignored_files,
        _suggested(listing),
    )


def _beyond_ends(listing: AudioListing) -> list[str]:
    """Rows that begin where their recording, by its header, has ended; of ready-made spectrograms
    nobody knows it here."""
    wrong: list[str] = []
    for item in listing.files:
        rows = (*item.rows_tp, *item.rows_fp)
        duration_s = declared_duration_s(item.path) if rows else None
        if duration_s is not None:
            wrong += [
                f"{row.place}: begins at {row.t_min_s:g} s, but {row.recording_id} ends at "
                f"{duration_s:.2f} s"
                for row in rows
                if row.t_min_s >= duration_s
            ]
    return wrong


def _copies(listing: AudioListing, cache_dir: Path | None) -> tuple[str, ...]:
    """By the bytes of the files; those that can't be read are none."""
    memo = DigestMemo(cache_dir, listing.root)
    parts: dict[Split, list[tuple[str, str]]] = {}
    for split in SPLITS:
        members = listing.members(split)
        digests = memo.digests([item.path for item in members])
        named = zip((item.key for item in members), digests, strict=True)
        parts[split] = [(key, digest) for key, digest in named if digest != MISSING]
    return tuple(same_content(parts).values())


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

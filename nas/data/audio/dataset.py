"""Recordings as arrays, with the stretches of time that are labelled in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.splits import Split


@dataclass(frozen=True)
class EventRow:
    """One row of a table of events: a class that sounds, or is known not to, from when to when."""

    recording_id: str
    species: str
    """Name of the class."""
    t_min_s: float
    t_max_s: float
    f_min_hz: float | None = None
    f_max_hz: float | None = None
    songtype: int = 1
    place: str = ""
    """`TABLE:LINE` where the row was read."""


def label_tensor(
    rows_tp: Iterable[EventRow],
    rows_fp: Iterable[EventRow],
    classes: Sequence[str],
    frames: int,
    frame_s: float,
) -> NDArray[np.int8]:
    """1 where a true positive is, -1 where a false positive is, else 0 (unknown); int8 (K, T).

    Where both are, it is 1: the false positive's box may hold other sound than the true one's.
    Raises ValueError for a row that lies outside the recording (see `frame_span`).
    """
    number = {name: position for position, name in enumerate(classes)}
    labels_KT = np.zeros((len(classes), frames), dtype=np.int8)
    # Absent first: present is written over it.
    for value, rows in ((-1, rows_fp), (1, rows_tp)):
        for row in rows:
            span = frame_span(row.t_min_s, row.t_max_s, frames, frame_s)
            if span is None:
                raise ValueError(f"{row} lies outside {frames} frames of {frame_s} s")
            labels_KT[number[row.species], span[0] : span[1]] = value
    return labels_KT


def frame_span(
    t_min_s: float, t_max_s: float, frames: int, frame_s: float
) -> tuple[int, int] | None:
    """First frame, and the frame after the last; cut at the recording's end, None if beyond it.

    Frame f is at `f * frame_s`; both ends go to the nearest frame, and at least one is held. (The
    seeds cut to the frame before: at most one frame, 16 ms, earlier.)
    """
    # Cut before rounding: the quotient of a number beyond all sound may be infinite.
    first, last = (round(min(time_s / frame_s, frames)) for time_s in (t_min_s, t_max_s))
    return (first, max(last, first + 1)) if first < frames else None


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording's spectrogram and labels."""

    id: str
    path: str
    """Relative to the data set's folder."""
    mel_FT: NDArray[np.float16]
    """Log-mel values in dB, not normalised; read-only, and often a memory map of the cache."""
    labels_KT: NDArray[np.int8]
    """1 present, 0 unknown, -1 known to be absent."""
    events: tuple[EventRow, ...]
    """The rows of what is present, as the table says; those of one class may touch or overlap."""

    @property
    def frames(self) -> int:
        return int(self.labels_KT.shape[1])


@dataclass(frozen=True, eq=False)
class RecordingSet:
    """Recordings of one split, in the order of their ids."""

    recordings: tuple[Recording, ...]
    classes: tuple[str, ...]
    complete: bool
    """Whether all that sounds is labelled: unknown then means absent."""

    def __len__(self) -> int:
        return len(self.recordings)


@dataclass(frozen=True, eq=False)
class AudioData:
    """A data set of recordings; a split that was not asked for is None."""

    train: RecordingSet | None
    validation: RecordingSet | None
    test: RecordingSet | None
    classes: tuple[str, ...]
    source: str
    frame_s: float
    """Seconds from frame to frame."""
    unreadable: tuple[str, ...] = ()
    """`PATH: REASON` of each file and each row of a table that was left out."""
    cut: tuple[str, ...] = ()
    """The same of each row that ends after its recording, and was cut there."""
    made_splits: tuple[Split, ...] = ()
    """Splits that the source does not have, taken from its train split."""
    split_digest: str = ""
    """Digest of which recording is in which split, where splits are made; else empty."""
    ignored_files: int = 0
    """Files of sound that no table labels, where labels are known in part."""
    species_ids: tuple[int, ...] = ()
    """Number of each class in the tables."""

    def split(self, name: Split) -> RecordingSet:
        """The named split. Raises ValueError if it was not loaded."""
        found: RecordingSet | None = getattr(self, name)
        if found is None:
            raise ValueError(f"split {name!r} of {self.source} was not loaded")
        return found

"""Recordings as arrays, with their labelled events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.audio.preprocess import MelPreprocess
from nas.data.dataset import TaskData


@dataclass(frozen=True)
class EventRow:
    """A row of a table of events: a class that is present, or known to be absent, for a time."""

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
    """Whether every event is labelled: unknown then means absent."""
    species_ids: tuple[int | str, ...] = ()
    """Number, or name, of each class in the tables."""
    cut: tuple[str, ...] = ()
    """`TABLE:LINE: REASON` of each row that ends after its recording, and was cut there."""
    timed: bool = True
    """Whether it is known when a class sounds, not only in which recording."""

    def __len__(self) -> int:
        return len(self.recordings)


AudioData = TaskData[RecordingSet, MelPreprocess]
"""A data set of recordings."""


SILENT_DB = 1.0
"""Std in dB of recordings that are constant."""


def fitted_mel_preprocess(preprocess: MelPreprocess, recordings: RecordingSet) -> MelPreprocess:
    """`preprocess` with mean and std of all values of the recordings, in dB."""
    values, total, squares = 0, 0.0, 0.0
    for recording in recordings.recordings:
        mel_FT = np.asarray(recording.mel_FT, np.float64)
        values += mel_FT.size
        total += float(mel_FT.sum())
        squares += float(np.square(mel_FT).sum())
    mean = total / values
    std = float(np.sqrt(max(squares / values - mean**2, 0.0)))
    std = std if std > 1e-3 else SILENT_DB
    written = preprocess.model_dump() | {"mean": round(mean, 4), "std": round(std, 4)}
    return MelPreprocess.model_validate(written)

"""Predictions of one recording beside its labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.audio.dataset import EventRow
from nas.metrics.event_f1 import onset_counts, segment_counts
from nas.metrics.events import Event, decode_events
from nas.metrics.multilabel import Counts


@dataclass(frozen=True, eq=False)
class RecordingResult:
    """Probabilities of K classes over T frames and N windows of a recording, and its labels.

    Labels are 1 (sounds), -1 (known not to) and 0: unknown, or absent in `complete` labels_KT.
    """

    id: str
    probability_KT: NDArray[np.float32]
    window_scores_NK: NDArray[np.float32]
    """Greatest probability over the valid frames of each window."""
    window_labels_NK: NDArray[np.int8]
    """0 is unknown, `complete` or not; see `nas.tasks.sed.windows.window_labels`."""
    labels_KT: NDArray[np.int8]
    events: tuple[Event, ...]
    """What sounds, as the tables say: not rounded to frames, and touching events are parted."""
    complete: bool
    """Whether every event of the recording is labelled, so that no label means absent."""
    timed: bool = True
    """Whether `events` have times; else they last for the whole recording."""

    @property
    def scores_K(self) -> NDArray[np.float32]:
        """Score of each class in the recording: its greatest over the windows."""
        scores: NDArray[np.float32] = self.window_scores_NK.max(axis=0)
        return scores


def labelled_events(rows: Iterable[EventRow], classes: Sequence[str]) -> tuple[Event, ...]:
    """The rows of a table of events. Raises ValueError for a species that is no class."""
    return tuple(Event(classes.index(row.species), row.t_min_s, row.t_max_s) for row in rows)


Pairs = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float32]]
"""Truth, whether it is known, and scores, all (N, K)."""


def window_pairs(results: Sequence[RecordingResult]) -> Pairs:
    """The pairs of window and class of all recordings, one recording's after another's."""
    labels_NK = np.concatenate([result.window_labels_NK for result in results])
    scores_NK = np.concatenate([result.window_scores_NK for result in results])
    return labels_NK == 1, labels_NK != 0, scores_NK


def recording_pairs(results: Sequence[RecordingResult]) -> Pairs:
    """The pairs of recording and class.

    A class is in a recording that has it anywhere, and, where labels are known in part, taken for
    absent from one that has it only as known to be absent somewhere.
    """
    truth_GK = np.stack([(result.labels_KT == 1).any(axis=1) for result in results])
    known_GK = np.stack(
        [(result.labels_KT != 0).any(axis=1) | result.complete for result in results]
    )
    return truth_GK, known_GK, np.stack([result.scores_K for result in results])


def event_counts(
    results: Sequence[RecordingResult], thresholds_GK: NDArray[np.float64], frame_s: float
) -> tuple[Counts, Counts] | None:
    """Counts (G, K, 3) of segments and of onsets in each recording, at its thresholds.

    None where a recording's labels are known in part, as what is found may be there and unlabelled,
    and where labels have no times.
    """
    if not all(result.complete and result.timed for result in results):
        return None
    counts = [
        _event_counts(result, thresholds_K, frame_s)
        for result, thresholds_K in zip(results, thresholds_GK, strict=True)
    ]
    segments, onsets = zip(*counts, strict=True)
    return np.stack(segments), np.stack(onsets)


def _event_counts(
    result: RecordingResult, thresholds_K: NDArray[np.float64], frame_s: float
) -> tuple[Counts, Counts]:
    classes, frames = result.labels_KT.shape
    found = decode_events(result.probability_KT, thresholds_K, frame_s)
    # The first frame is centred on the recording's start, the last one on its end.
    duration_s = max(frames - 1, 1) * frame_s
    return (
        segment_counts(result.events, found, duration_s, classes),
        onset_counts(result.events, found, classes),
    )

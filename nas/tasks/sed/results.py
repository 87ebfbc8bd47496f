"""What a network says of one recording, beside what is known of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.event_labels import EventRow
from nas.metrics.events import Event


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
    """0 is unknown, `complete` or not; see `nas.data.windows.window_labels`."""
    labels_KT: NDArray[np.int8]
    events: tuple[Event, ...]
    """What sounds, as the tables say: not rounded to frames, and touching events are parted."""
    complete: bool
    """Whether every event of the recording is labelled, so that no label means absent."""

    @property
    def scores_K(self) -> NDArray[np.float32]:
        """Score of each class in the recording: its greatest over the windows."""
        scores: NDArray[np.float32] = self.window_scores_NK.max(axis=0)
        return scores


def labelled_events(rows: Iterable[EventRow], classes: Sequence[str]) -> tuple[Event, ...]:
    """The rows of a table of events. Raises ValueError for a species that is no class."""
    return tuple(Event(classes.index(row.species), row.t_min_s, row.t_max_s) for row in rows)

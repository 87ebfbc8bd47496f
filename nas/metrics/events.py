"""Events with onset and offset, read off probabilities of frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

MIN_EVENT_S = 0.2
"""Default minimum duration of an event."""
MERGE_GAP_S = 0.2
"""Default longest gap that is merged into an event."""
ROUNDING_S = 1e-9
"""Tolerance for rounding errors of multiples of a frame's length."""


@dataclass(frozen=True)
class Event:
    """One sound of one class."""

    class_index: int
    """Number of the class, in the order of the network's outputs."""
    onset_s: float
    offset_s: float


def decode_events(
    probability_KT: ArrayLike,
    thresholds: float | Sequence[float] | ArrayLike,
    frame_s: float,
    *,
    min_s: float = MIN_EVENT_S,
    merge_gap_s: float = MERGE_GAP_S,
) -> list[Event]:
    """Stretches of frames at or above their class's threshold, sorted by class, then by onset.

    `thresholds` is one for all classes or one each. Stretches of a class with at most `merge_gap_s`
    between them are one event; then events shorter than `min_s` are dropped. Frame f lasts from
    f * frame_s to (f + 1) * frame_s.
    """
    thresholds_K1 = np.asarray(thresholds, np.float64).reshape(-1, 1)
    active_KT = np.asarray(probability_KT) >= thresholds_K1
    edges_KT = np.diff(np.pad(active_KT.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    class_E, start_E = np.nonzero(edges_KT == 1)
    end_E = np.nonzero(edges_KT == -1)[1]
    gap_E = (start_E[1:] - end_E[:-1]) * frame_s
    parted = (class_E[1:] != class_E[:-1]) | (gap_E > merge_gap_s + ROUNDING_S)
    first_E = np.concatenate([np.ones(min(len(class_E), 1), bool), parted])
    class_E, start_E = class_E[first_E], start_E[first_E]
    end_E = end_E[np.roll(first_E, -1)]  # the last of each event; the first opens one anyway
    long_enough = (end_E - start_E) * frame_s >= min_s - ROUNDING_S
    return [
        Event(int(index), float(start * frame_s), float(end * frame_s))
        for index, start, end in zip(
            class_E[long_enough], start_E[long_enough], end_E[long_enough], strict=True
        )
    ]

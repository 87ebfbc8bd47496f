"""Counts of found events, by segments of time and by onsets; `nas.metrics.multilabel` has their F1.

Both agree with sed_eval (Mesaros et al. 2016, Metrics for polyphonic sound event detection), with
one difference: there a class of which nothing was found has no F1 and drops out of the mean;
here it counts 0. The counts of several recordings are added up.
"""

from collections.abc import Sequence
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from nas.metrics.events import ROUNDING_S, Event
from nas.metrics.multilabel import Counts

SEGMENT_S = 1.0
"""Length of a segment, in seconds."""
COLLAR_S = 0.2
"""Largest distance of a found onset from the true one, in seconds."""


def segment_counts(
    reference: Sequence[Event],
    estimated: Sequence[Event],
    duration_s: float,
    classes: int,
    *,
    segment_s: float = SEGMENT_S,
) -> Counts:
    """Counts (classes, 3) of segments that a class sounds in, in part or whole.

    The last segment may be shorter; what lies beyond `duration_s` is not looked at.
    """
    segments = ceil((duration_s - ROUNDING_S) / segment_s)
    true_KS = _active_segments(reference, classes, segments, segment_s)
    found_KS = _active_segments(estimated, classes, segments, segment_s)
    cells = (true_KS & found_KS, ~true_KS & found_KS, true_KS & ~found_KS)
    return np.stack([cell_KS.sum(axis=1) for cell_KS in cells], axis=-1)


def onset_counts(
    reference: Sequence[Event],
    estimated: Sequence[Event],
    classes: int,
    *,
    collar_s: float = COLLAR_S,
) -> Counts:
    """Counts (classes, 3) of onsets, as many matched within a class as can be, each one once."""
    counts_K3 = np.zeros((classes, 3), np.int64)
    for index in range(classes):
        true_s, found_s = _onsets(reference, index), _onsets(estimated, index)
        hits = _matched(true_s, found_s, collar_s)
        counts_K3[index] = hits, len(found_s) - hits, len(true_s) - hits
    return counts_K3


def _active_segments(
    events: Sequence[Event], classes: int, segments: int, segment_s: float
) -> NDArray[np.bool_]:
    active_KS = np.zeros((classes, segments), bool)
    for event in events:
        start = floor((event.onset_s + ROUNDING_S) / segment_s)
        end = ceil((event.offset_s - ROUNDING_S) / segment_s)
        active_KS[event.class_index, start:end] = True
    return active_KS


def _onsets(events: Sequence[Event], class_index: int) -> list[float]:
    return sorted(event.onset_s for event in events if event.class_index == class_index)


def _matched(true_s: list[float], found_s: list[float], collar_s: float) -> int:
    """The size of the largest matching; with one collar for all, the earliest first gives it."""
    hits = true = found = 0
    while true < len(true_s) and found < len(found_s):
        distance_s = found_s[found] - true_s[true]
        if abs(distance_s) <= collar_s + ROUNDING_S:
            hits, true, found = hits + 1, true + 1, found + 1
        elif distance_s > 0:
            true += 1
        else:
            found += 1
    return hits

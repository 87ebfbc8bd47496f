"""Events read off frames, by hand; counts of segments and onsets against sed_eval's figures."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.metrics.event_f1 import onset_counts, segment_counts
from nas.metrics.events import Event, decode_events
from nas.metrics.multilabel import f1_of, macro_f1_of, micro_f1_of


def frames(text: str) -> list[float]:
    """0.9 where a character is an x, else 0.1."""
    return [0.9 if letter == "x" else 0.1 for letter in text]


def decoded(text: str, min_s: float, merge_gap_s: float) -> list[tuple[float, float]]:
    """Onsets and offsets, in frames of a second."""
    events = decode_events([frames(text)], 0.5, 1.0, min_s=min_s, merge_gap_s=merge_gap_s)
    return [(event.onset_s, event.offset_s) for event in events]


@pytest.mark.parametrize(
    ("text", "min_s", "merge_gap_s", "expected"),
    [
        ("..xx..x", 0, 0, [(2, 4), (6, 7)]),
        ("xxx", 0, 0, [(0, 3)]),
        ("...", 0, 0, []),
        ("", 0, 0, []),
        ("x.x..x", 0, 1, [(0, 3), (5, 6)]),
        ("x.x..x", 2, 1, [(0, 3)]),  # merged before the short ones go
        ("x.x..x", 2, 0, []),
        ("xx.xx..xx", 0, 2, [(0, 9)]),
    ],
)
def test_stretches_become_events(
    text: str, min_s: float, merge_gap_s: float, expected: list[tuple[float, float]]
) -> None:
    assert decoded(text, min_s, merge_gap_s) == expected


def test_each_class_has_its_threshold_and_frames_their_length() -> None:
    probabilities = [[0.2, 0.6, 0.6, 0.2], [0.2, 0.6, 0.6, 0.9], [0.5, 0.4, 0.4, 0.5]]
    events = decode_events(probabilities, [0.5, 0.7, 0.5], 0.25, min_s=0, merge_gap_s=0)
    assert events == [
        Event(0, 0.25, 0.75), Event(1, 0.75, 1.0), Event(2, 0.0, 0.25), Event(2, 0.75, 1.0)
    ]  # fmt: skip


def test_the_end_of_one_class_does_not_merge_with_the_start_of_the_next() -> None:
    events = decode_events([frames("..x"), frames("x..")], 0.5, 1.0, min_s=0, merge_gap_s=5)
    assert events == [Event(0, 2, 3), Event(1, 0, 1)]


def test_a_gap_or_length_of_just_the_limit_counts_although_floats_round() -> None:
    # 3 * 0.1 is 0.30000000000000004.
    events = decode_events([frames("xxx...xxx")], 0.5, 0.1, min_s=0, merge_gap_s=0.3)
    assert len(events) == 1
    assert len(decode_events([frames("xxxxxx")], 0.5, 0.05, min_s=0.3, merge_gap_s=0)) == 1


RECORDINGS = [
    (
        [(0, 0.5, 2.3), (0, 4.0, 5.0), (1, 1.0, 1.4), (1, 7.75, 9.9), (2, 3.0, 3.5)],
        [
            (0, 0.65, 2.0),
            (0, 3.5, 5.2),
            (0, 8.0, 8.5),
            (1, 1.15, 3.1),
            (1, 7.7, 8.2),
            (1, 9.0, 9.5),
        ],
        10.0,
    ),
    (
        [(0, 2.0, 2.5), (0, 2.3, 4.5), (1, 6.1, 6.9)],
        [(0, 2.15, 2.6), (0, 2.45, 4.0), (1, 0.2, 0.6), (1, 6.35, 7.45)],
        7.5,
    ),
]
"""Reference, estimate and duration of two recordings with four classes."""


def lists() -> list[tuple[list[Event], list[Event], float]]:
    return [
        ([Event(*row) for row in reference], [Event(*row) for row in estimated], duration_s)
        for reference, estimated, duration_s in RECORDINGS
    ]


def test_segments_equal_sed_eval() -> None:
    # sed_eval 0.2.1, SegmentBasedMetrics(time_resolution=1.0), both recordings.
    parts = [segment_counts(*recording, 4) for recording in lists()]
    counts = np.sum(parts, axis=0)
    np.testing.assert_array_equal(counts, [[5, 3, 2], [5, 4, 0], [0, 0, 1], [0, 0, 0]])
    assert micro_f1_of(counts) == pytest.approx(2 / 3)
    np.testing.assert_allclose(f1_of(counts)[:2], [0.6666666666666666, 0.7142857142857143])


def test_onsets_equal_sed_eval() -> None:
    # EventBasedMetrics(evaluate_offset=False, t_collar=0.2,
    # empty_system_output_handling="zero_score"), both recordings.
    parts = [onset_counts(reference, estimated, 4) for reference, estimated, _ in lists()]
    counts = np.sum(parts, axis=0)
    np.testing.assert_array_equal(counts, [[3, 2, 1], [2, 3, 1], [0, 0, 1], [0, 0, 0]])
    assert macro_f1_of(counts) == pytest.approx(0.38888888888888884)
    assert micro_f1_of(counts) == pytest.approx(0.5555555555555556)


def test_segments_end_with_the_recording_and_begin_on_round_seconds() -> None:
    late, round_event = Event(0, 2.5, 9.0), Event(0, 1.0, 2.0)
    assert segment_counts([late], [], 3.5, 1).tolist() == [[0, 0, 2]]
    assert segment_counts([round_event], [round_event], 3.5, 1).tolist() == [[1, 0, 0]]
    # 0.30000000000000004 / 0.3 and 1.2 / 0.1 (11.999999999999998) are ends of segments.
    early, late = Event(0, 0.0, 0.1 + 0.2), Event(0, 1.2, 1.3)
    assert segment_counts([early], [], 1.2, 1, segment_s=0.3).tolist() == [[0, 0, 1]]
    assert segment_counts([late], [], 2.0, 1, segment_s=0.1).tolist() == [[0, 0, 1]]


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), max_size=5), st.lists(st.integers(0, 12), max_size=5))
def test_no_matching_of_onsets_is_larger(true: list[int], found: list[int]) -> None:
    few, many = sorted([true, found], key=len)
    largest = max(
        sum(abs(a - b) <= 2 for a, b in zip(few, order, strict=False))
        for order in permutations(many)
    )
    events = [[Event(0, at / 10, at / 10 + 1) for at in times] for times in (true, found)]
    counts = onset_counts(*events, 1, collar_s=0.2)
    assert counts.tolist() == [[largest, len(found) - largest, len(true) - largest]]

"""Labels of frames: against the seeds' formula, and worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data.audio.dataset import EventRow, frame_span, label_tensor

FRAME_S = 512 / 32_000


def row(species: str, t_min_s: float, t_max_s: float) -> EventRow:
    return EventRow("r", species, t_min_s, t_max_s)


def seed_span(t_min_s: float, t_max_s: float) -> tuple[int, int]:
    """Frames of a minute, as the document 003 of the seeds cuts them."""
    return int(3751 * (t_min_s / 60)), int(3751 * (t_max_s / 60))


@given(st.floats(0, 59.5), st.floats(0.1, 5))
def test_a_minute_is_cut_as_the_seeds_cut_it_to_a_frame(t_min_s: float, length_s: float) -> None:
    t_max_s = min(t_min_s + length_s, 60.0)
    span = frame_span(t_min_s, t_max_s, 3751, FRAME_S)
    assert span is not None
    first, end = seed_span(t_min_s, t_max_s)
    assert abs(span[0] - first) <= 1
    assert abs(span[1] - end) <= 1


@given(st.floats(0, 70), st.floats(0.001, 70), st.integers(1, 4000))
def test_ends_lie_within_half_a_frame_and_within_the_recording(
    t_min_s: float, length_s: float, frames: int
) -> None:
    t_max_s = t_min_s + length_s
    span = frame_span(t_min_s, t_max_s, frames, FRAME_S)
    if span is None:
        assert t_min_s > (frames - 0.51) * FRAME_S
        return
    first, end = span
    assert 0 <= first < end <= frames
    assert abs(first * FRAME_S - t_min_s) <= 0.501 * FRAME_S
    if first + 1 < end < frames:
        assert abs(end * FRAME_S - t_max_s) <= 0.501 * FRAME_S


def test_a_call_shorter_than_a_frame_holds_one() -> None:
    assert frame_span(1.6, 1.601, 3751, FRAME_S) == (100, 101)


def test_times_beyond_all_sound_are_beyond_the_end() -> None:
    """1e308 s are more frames than a float can count."""
    assert frame_span(1e308, 1.5e308, 3751, FRAME_S) is None
    assert frame_span(1.6, 1e308, 3751, FRAME_S) == (100, 3751)


def test_labels_are_1_unknown_0_and_absent_minus_1() -> None:
    labels_KT = label_tensor(
        [row("b", 1.0, 3.0), row("b", 2.0, 4.0), row("a", 8.0, 99.0)],
        [row("b", 3.0, 6.0), row("a", 0.0, 1.0)],
        ("a", "b", "c"),
        10,
        1.0,
    )
    assert labels_KT.dtype == np.int8
    assert labels_KT.tolist() == [
        [-1, 0, 0, 0, 0, 0, 0, 0, 1, 1],
        [0, 1, 1, 1, -1, -1, 0, 0, 0, 0],
        [0] * 10,
    ]


def test_a_row_outside_the_recording_is_an_error() -> None:
    with pytest.raises(ValueError, match="outside 10 frames"):
        label_tensor([row("a", 10.0, 11.0)], [], ("a",), 10, 1.0)

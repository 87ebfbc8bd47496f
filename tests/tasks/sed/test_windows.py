"""Windows: those of the seeds, every frame covered, padding, labels of a window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.tasks.sed.windows import least_call_frames, window_labels, window_starts


def test_a_minute_has_the_eight_windows_of_the_seeds() -> None:
    starts = window_starts(3751, 512, 49)
    assert [(start, start + 512) for start in starts] == [
        (0, 512), (463, 975), (926, 1438), (1389, 1901),
        (1852, 2364), (2315, 2827), (2778, 3290), (3241, 3753),
    ]  # fmt: skip


def test_a_minute_has_sixteen_windows_of_256_sharing_23() -> None:
    starts = window_starts(3751, 256, 23)
    assert len(starts) == 16
    assert starts[-1] == 15 * 233


@given(st.integers(1, 600), st.integers(1, 80), st.data())
def test_windows_cover_every_frame_and_none_is_idle(
    frames: int, window: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, window - 1))
    starts = window_starts(frames, window, overlap)
    covered = np.zeros(frames, dtype=bool)
    for start in starts:
        assert not covered[start:].any() or covered[start : start + overlap].all()
        assert not covered.all()
        covered[start : start + window] = True
    assert covered.all()
    assert set(np.diff(starts)) <= {window - overlap}


@pytest.mark.parametrize(("frames", "window", "overlap"), [(0, 8, 0), (9, 8, 8), (9, 8, -1)])
def test_windows_that_never_end_are_refused(frames: int, window: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="no windows"):
        window_starts(frames, window, overlap)


def test_labels_of_a_window() -> None:
    labels_KT = np.array(
        [[0, 0, 0], [0, 1, 0], [-1, 0, 0], [-1, 1, -1], [1, 1, 1], [-1, -1, -1]], dtype=np.int8
    )
    partly = window_labels(labels_KT, 0, 3, complete=False, least_frames=2)
    assert partly.tolist() == [0, 1, -1, 1, 1, -1]
    assert partly.dtype == np.int8
    complete = window_labels(labels_KT, 0, 3, complete=True, least_frames=2)
    assert complete.tolist() == [-1, 1, -1, 1, 1, -1]


# A window of the frames 2 to 7 of ten, and calls of which at least 3 frames must be in it.
CUT = {
    "1110000000": 0,  # one frame is inside
    "1111000000": 0,
    "1111100000": 1,  # three are
    "0011000000": 1,  # wholly inside, however short
    "0000000100": 1,
    "0000000111": 0,
    "0000001111": 0,
    "0000011111": 1,
    "1111111111": 1,
    "1110000111": 0,
    "1110101111": 1,  # between two that are cut is a whole one
    "1110-00000": 0,  # known to be absent elsewhere: still a part of a call is inside
    "1100-00000": -1,
    "1100000011": None,  # nothing inside
}


@pytest.mark.parametrize(("frames", "expected"), CUT.items())
def test_a_call_cut_by_the_edge_counts_from_a_quarter_of_a_second_on(
    frames: str, expected: int | None
) -> None:
    labels_KT = np.array([[{"-": -1}.get(frame) or int(frame) for frame in frames]], np.int8)
    for complete, unlabelled in ((False, 0), (True, -1)):
        label = window_labels(labels_KT, 2, 6, complete=complete, least_frames=3)
        assert label.tolist() == [unlabelled if expected is None else expected]


def test_a_call_at_the_end_of_the_recording_is_not_cut() -> None:
    labels_KT = np.array([[1, 0, 0, 0, 0, 0, 0, 1]], np.int8)
    for start, window in ((0, 4), (4, 4), (4, 9)):
        label = window_labels(labels_KT, start, window, complete=True, least_frames=3)
        assert label.tolist() == [1]


def test_a_quarter_of_a_second_in_frames() -> None:
    assert least_call_frames(512 / 32_000) == 16  # 15 frames are 0.24 s
    assert least_call_frames(0.05) == 5
    assert least_call_frames(0.1) == 3
    assert least_call_frames(1.0) == 1

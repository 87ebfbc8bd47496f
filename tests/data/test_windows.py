"""Windows: those of the seeds, every frame covered, padding, labels of a window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data.windows import cut_window, window_labels, window_starts


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


def test_what_lies_outside_the_recording_is_filled() -> None:
    mel_FT = np.arange(10, dtype=np.float16).reshape(2, 5)
    assert cut_window(mel_FT, 3, 4, -100).tolist() == [[3, 4, -100, -100], [8, 9, -100, -100]]
    assert cut_window(mel_FT, -2, 4, -100).tolist() == [[-100, -100, 0, 1], [-100, -100, 5, 6]]
    assert cut_window(mel_FT, -1, 7, -1).tolist() == [[-1, *range(5), -1], [-1, *range(5, 10), -1]]
    for start in (-4, 5, 99):
        assert (cut_window(mel_FT, start, 4, -100) == -100).all()
    assert cut_window(mel_FT, 0, 4, 0).dtype == np.float16


def test_a_window_is_a_copy() -> None:
    labels_KT = np.zeros((1, 6), dtype=np.int8)
    cut_window(labels_KT, 1, 4, 0)[:] = 1
    assert not labels_KT.any()


def test_labels_of_a_window() -> None:
    labels_KW = np.array(
        [[0, 0, 0], [0, 1, 0], [-1, 0, 0], [-1, 1, -1], [1, 1, 1], [-1, -1, -1]], dtype=np.int8
    )
    partly = window_labels(labels_KW, complete=False)
    assert partly.tolist() == [0, 1, -1, 1, 1, -1]
    assert partly.dtype == np.int8
    assert window_labels(labels_KW, complete=True).tolist() == [-1, 1, -1, 1, 1, -1]

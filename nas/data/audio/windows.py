"""Windows of a recording: their starts, values and labels."""

import math

import numpy as np
from numpy.typing import NDArray

LEAST_CALL_S = 0.25
"""Seconds of a call that a window must contain to have its label, if its edge cuts the call."""


def window_starts(frames: int, window: int, overlap: int) -> tuple[int, ...]:
    """First frames of the windows that cover `frames`; neighbours share `overlap` frames.

    The last window may reach beyond the end: 3,751 frames in windows of 512 that share 49 start at
    0, 463, ..., 3241. Raises ValueError unless 0 <= overlap < window and there is a frame.
    """
    if frames < 1 or not 0 <= overlap < window:
        raise ValueError(f"no windows of {window} sharing {overlap} over {frames} frames")
    step = window - overlap
    return tuple(range(0, max(frames - overlap, 1), step))


def least_call_frames(frame_s: float) -> int:
    """Frames of `frame_s` seconds that hold LEAST_CALL_S."""
    return math.ceil(round(LEAST_CALL_S / frame_s, 6))


def window_labels(
    labels_KT: NDArray[np.int8], start: int, window: int, *, complete: bool, least_frames: int
) -> NDArray[np.int8]:
    """1, 0 (unknown) or -1 (absent) of each class over a window of a recording, int8 (K,).

    Present if any frame is. A run of such frames that goes on beyond the window counts only if at
    least `least_frames` of it lie inside; the class is unknown where nothing else of it does. Else
    absent if any frame is known to be without the class, or if the labels are `complete`, where
    what is not labelled is absent. `start` is not negative.
    """
    cut_KW = labels_KT[:, start : start + window]
    positive_KW = cut_KW > 0
    counted_KW = positive_KW.copy()
    before_KT, after_KT = labels_KT[:, :start], labels_KT[:, start + window :]
    _drop_sliver(counted_KW, before_KT[:, -1:], least_frames)
    _drop_sliver(counted_KW[:, ::-1], after_KT[:, :1], least_frames)
    absent = np.int8(-1) if complete else cut_KW.min(axis=1, initial=0)
    labels_K = np.where(positive_KW.any(axis=1), np.int8(0), absent)
    labels_K[counted_KW.any(axis=1)] = 1
    return labels_K.astype(np.int8)


def _drop_sliver(
    positive_KW: NDArray[np.bool_], outside_K1: NDArray[np.int8], least_frames: int
) -> None:
    """Clear, in place, a first run that is short and goes on outside, before the window.

    There is no frame outside, (K, 0), where the recording ends with the window.
    """
    first_run_KW = np.logical_and.accumulate(positive_KW, axis=1)
    cut_K = (first_run_KW.sum(axis=1) < least_frames) & (outside_K1 > 0).any(axis=1)
    positive_KW &= ~(first_run_KW & cut_K[:, None])

"""Windows of a recording: where they start, what they hold, and what is known of them."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

ScalarT = TypeVar("ScalarT", bound=np.generic)


def window_starts(frames: int, window: int, overlap: int) -> tuple[int, ...]:
    """First frames of the windows that cover `frames`; neighbours share `overlap` frames.

    The last window may reach beyond the end: 3,751 frames in windows of 512 that share 49 start at
    0, 463, ..., 3241. Raises ValueError unless 0 <= overlap < window and there is a frame.
    """
    if frames < 1 or not 0 <= overlap < window:
        raise ValueError(f"no windows of {window} sharing {overlap} over {frames} frames")
    step = window - overlap
    return tuple(range(0, max(frames - overlap, 1), step))


def cut_window(
    array_XT: NDArray[ScalarT], start: int, window: int, fill: float
) -> NDArray[ScalarT]:
    """`window` columns from `start` on, (X, window), a copy; what lies outside is `fill`."""
    rows, frames = array_XT.shape
    cut_XW = np.full((rows, window), fill, dtype=array_XT.dtype)
    first, end = max(start, 0), min(start + window, frames)
    if first < end:
        cut_XW[:, first - start : end - start] = array_XT[:, first:end]
    return cut_XW


def window_labels(labels_KW: NDArray[np.int8], complete: bool) -> NDArray[np.int8]:
    """1, 0 (unknown) or -1 (absent) of each class over a window, int8 (K,).

    Present if any frame is. Else absent if any frame is known to be without the class, or if the
    labels are `complete`, where what is not labelled is absent.
    """
    absent = np.int8(-1) if complete else labels_KW.min(axis=1, initial=0)
    labels_K = np.where((labels_KW > 0).any(axis=1), np.int8(1), absent)
    return labels_K.astype(np.int8)

"""Windows of recordings: their starts and labels, and those of a training set with a known one.

K classes, N windows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from nas.data.audio.dataset import RecordingSet
from nas.errors import NasError

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


LEAST_WINDOWS = 2
"""Batch normalisation has no variance of a single sample."""

WindowStart = tuple[int, int]
"""Position of a recording in its set, and the first frame of a window in it."""


@dataclass(frozen=True, eq=False)
class KnownWindows:
    """Windows on the grid with a known label, in the order of the recordings."""

    recordings: RecordingSet
    window: int
    """Frames of each."""
    least_frames: int
    """Of a call that the window cuts; see `window_labels`."""
    starts: tuple[WindowStart, ...]
    last_starts: tuple[int, ...]
    """Where the last window of each recording begins, known or not."""
    group_N: NDArray[np.int64]
    """The rarest of the classes present in each, K where none is: what a sampler evens out.

    Of the windows where they lie on the grid; what a moved one holds may differ.
    """

    def __len__(self) -> int:
        return len(self.starts)

    def labels_at(self, at: WindowStart) -> NDArray[np.int8]:
        """(K,) 1 present, -1 absent, 0 unknown in the window there."""
        return _labels_at(self.recordings, at, self.window, self.least_frames)

    def moved(
        self, chosen: Sequence[int], largest: int, generator: torch.Generator
    ) -> list[WindowStart]:
        """Starts of the chosen windows, each moved evenly by up to `largest` frames.

        None begins after its recording's last window; one of which nothing is known where it comes
        to lie stays. One number is drawn for each, whatever `largest` is.
        """
        draw_N = torch.rand(len(chosen), generator=generator).tolist()
        return [
            self._moved(self.starts[index], largest, draw)
            for index, draw in zip(chosen, draw_N, strict=True)
        ]

    def _moved(self, at: WindowStart, largest: int, draw: float) -> WindowStart:
        position, start = at
        low, high = max(start - largest, 0), min(start + largest, self.last_starts[position])
        moved = (position, low + int(draw * (high - low + 1)))
        return moved if self.labels_at(moved).any() else at


def known_windows(
    recordings: RecordingSet, window: int, overlap: int, frame_s: float
) -> KnownWindows:
    """The windows of a set, `window` frames of `frame_s` seconds long, with a known label.

    Raises NasError where there are fewer than two.
    """
    grids = [window_starts(item.frames, window, overlap) for item in recordings.recordings]
    least_frames = least_call_frames(frame_s)
    starts: list[WindowStart] = []
    labels: list[NDArray[np.int8]] = []
    for at in ((position, start) for position, grid in enumerate(grids) for start in grid):
        labels_K = _labels_at(recordings, at, window, least_frames)
        if labels_K.any():
            starts.append(at)
            labels.append(labels_K)
    if len(starts) < LEAST_WINDOWS:
        raise NasError(
            f"windows of the training recordings with a known label: {len(starts)}; training "
            f"needs at least {LEAST_WINDOWS}"
        )
    return KnownWindows(
        recordings,
        window,
        least_frames,
        tuple(starts),
        tuple(grid[-1] for grid in grids),
        _rarest_classes(np.stack(labels)),
    )


def _labels_at(
    recordings: RecordingSet, at: WindowStart, window: int, least_frames: int
) -> NDArray[np.int8]:
    position, start = at
    labels_KT = recordings.recordings[position].labels_KT
    complete = recordings.complete
    return window_labels(labels_KT, start, window, complete=complete, least_frames=least_frames)


def _rarest_classes(labels_NK: NDArray[np.int8]) -> NDArray[np.int64]:
    """(N,) of the classes present in a window, the one present in the fewest; K where none is."""
    positive_NK = labels_NK > 0
    windows_NK = np.where(positive_NK, positive_NK.sum(axis=0), len(labels_NK) + 1)
    rarest_N: NDArray[np.int64] = windows_NK.argmin(axis=1)
    rarest_N[~positive_NK.any(axis=1)] = labels_NK.shape[1]
    return rarest_N

"""Log-mel spectrograms in dB."""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nas.data.audio.decode import Samples
from nas.data.audio.preprocess import MelPreprocess
from nas.errors import NasError

Mel = npt.NDArray[np.float32]
"""Log-mel spectrogram in dB, shape (bands, frames)."""

MEL_VERSION = 1
"""Raised whenever the same samples give another spectrogram: old caches are then not used."""

FLOOR_DB = -100.0
"""Floor of the dB values: 10 log10 of the least power."""

_LEAST_POWER = 10.0 ** (FLOOR_DB / 10)
_FRAMES_AT_ONCE = 64
"""Frames per block, whose transforms fit into a core's cache: twice as fast as a minute at once."""

# Slaney's Auditory Toolbox (1998): linear up to 1 kHz, then 27 mels for a factor of 6.4.
_LINEAR_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1_000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = math.log(6.4) / 27


class LogMel:
    """Makes log-mel spectrograms of one setting; may be called from several threads.

    Equal to librosa's `power_to_db(melspectrogram(...), ref=1.0, amin=1e-10, top_db=None)` with its
    other settings left alone: Hann window, frames centred and the ends padded with silence, power,
    bands by Slaney's scale and of equal area.
    """

    def __init__(self, preprocess: MelPreprocess, bands: int) -> None:
        """Raises NasError where a band would hold no frequency of the Fourier transform."""
        self._fft_samples = preprocess.fft_samples
        self._hop_samples = preprocess.hop_samples
        self._window = torch.hann_window(preprocess.fft_samples)
        check_bands(preprocess, bands)
        self._filters_FB = torch.from_numpy(mel_filters(preprocess, bands))

    def frames(self, samples: int) -> int:
        """Frames of a recording of so many samples."""
        return 1 + samples // self._hop_samples

    def __call__(self, samples: Samples) -> Mel:
        """Values in dB of at least `FLOOR_DB`, float32 (bands, frames)."""
        frames = self.frames(len(samples))
        half = self._fft_samples // 2
        padded = torch.from_numpy(np.pad(samples, (half, self._fft_samples - half)))
        mel_FT = torch.empty(len(self._filters_FB), frames)
        for start in range(0, frames, _FRAMES_AT_ONCE):
            end = min(start + _FRAMES_AT_ONCE, frames)
            mel_FT[:, start:end] = self._filters_FB @ self._power(padded, start, end)
        mel_FT.clamp_(min=_LEAST_POWER).log10_().mul_(10.0)
        return mel_FT.numpy()

    def _power(self, padded: Tensor, start: int, end: int) -> Tensor:
        """Power of the Fourier bins of the frames from `start` to before `end`, (bins, frames)."""
        first = start * self._hop_samples
        last = (end - 1) * self._hop_samples + self._fft_samples
        spectrum = torch.stft(
            padded[first:last],
            self._fft_samples,
            self._hop_samples,
            window=self._window,
            center=False,
            return_complex=True,
        )
        return spectrum.real.square() + spectrum.imag.square()


def check_bands(preprocess: MelPreprocess, bands: int) -> None:
    """Raises NasError where a band would hold no frequency of the Fourier transform."""
    corners_hz, bins_hz = _corners_hz(preprocess, bands), _bins_hz(preprocess)
    first = np.searchsorted(bins_hz, corners_hz[:-2], side="right")
    end = np.searchsorted(bins_hz, corners_hz[2:], side="left")
    empty = int((first >= end).sum())
    if empty:
        raise NasError(
            f"{empty} of {bands} mel bands hold no frequency of a Fourier transform of "
            f"{preprocess.fft_samples} samples: raise it, or take fewer bands (input.height)",
            key="preprocess.fft_samples",
        )


def mel_filters(preprocess: MelPreprocess, bands: int) -> Mel:
    """Weights of the Fourier bins in each band, float32 (bands, bins): triangles of equal area.

    Agrees with librosa's `filters.mel`.
    """
    corners_hz = _corners_hz(preprocess, bands)
    distances = corners_hz[:, None] - _bins_hz(preprocess)
    widths = np.diff(corners_hz)[:, None]
    rising = -distances[:-2] / widths[:-1]
    falling = distances[2:] / widths[1:]
    area = (corners_hz[2:] - corners_hz[:-2])[:, None] / 2
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None) / area, dtype=np.float32)


def _corners_hz(preprocess: MelPreprocess, bands: int) -> npt.NDArray[np.float64]:
    """Band b is a triangle over the corners b, b + 1 and b + 2."""
    low, high = _mel(preprocess.low_hz), _mel(preprocess.top_hz)
    return np.array([_hz(mel) for mel in np.linspace(low, high, bands + 2)])


def _bins_hz(preprocess: MelPreprocess) -> npt.NDArray[np.float64]:
    bins = np.arange(preprocess.fft_samples // 2 + 1)
    return np.asarray(bins * (preprocess.sample_rate_hz / preprocess.fft_samples))


def _mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return _BREAK_MEL + math.log(hz / _BREAK_HZ) / _LOG_STEP


def _hz(mel: float) -> float:
    if mel < _BREAK_MEL:
        return mel * _LINEAR_HZ_PER_MEL
    return _BREAK_HZ * math.exp((mel - _BREAK_MEL) * _LOG_STEP)

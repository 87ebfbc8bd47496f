"""Sounds of made-up animals: pitched, chirped and noisy calls, and the wind that they are heard in.

Six kinds that share frequencies, so that shape in time and frequency tells them apart.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Call = Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]
"""From times in seconds, 0 at the call's start, to samples of amplitude about 1."""


def rising(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """A whistle that climbs from about 1.5 to 3.5 kHz."""
    low, high = generator.uniform(1_300, 1_700), generator.uniform(3_200, 3_800)
    return _sweep(time_s, low, high)


def falling(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """A whistle that falls from about 3.5 to 1.5 kHz."""
    low, high = generator.uniform(1_300, 1_700), generator.uniform(3_200, 3_800)
    return _sweep(time_s, high, low)


def trill(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """A tone of about 2.5 kHz, cut into some 14 pulses a second."""
    tone = np.sin(2 * np.pi * generator.uniform(2_200, 2_800) * time_s)
    pulses = np.sin(2 * np.pi * generator.uniform(6, 8) * time_s) ** 4
    return np.asarray(tone * pulses)


def two_tone(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Two tones in turn, about 1.6 and 2.4 kHz."""
    high_now = np.sin(2 * np.pi * generator.uniform(2, 3) * time_s) > 0
    pitch_hz = np.where(high_now, 2_400.0, 1_600.0) * generator.uniform(0.92, 1.08)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(pitch_hz) * (time_s[1] - time_s[0])))


def growl(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Many harmonics of about 220 Hz."""
    pitch_hz = generator.uniform(190, 250)
    harmonics = np.arange(1, 11)
    waves = np.sin(2 * np.pi * pitch_hz * harmonics[:, None] * time_s) / np.sqrt(harmonics[:, None])
    return np.asarray(waves.sum(axis=0) / 2)


def rattle(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Clicks of noise, some 9 a second."""
    clicks = np.exp(-((time_s * generator.uniform(8, 10)) % 1.0) * 12)
    return np.asarray(generator.standard_normal(len(time_s)) * clicks * 1.5)


CALLS: dict[str, Call] = {
    "rising": rising,
    "falling": falling,
    "trill": trill,
    "two_tone": two_tone,
    "growl": growl,
    "rattle": rattle,
}
"""Every kind, under the name of its class."""


def wind(samples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Noise of standard deviation 1 whose power falls with the frequency, as 1/f."""
    spectrum = np.fft.rfft(generator.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), samples / 400))
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / noise.std())


def _sweep(time_s: NDArray[np.float64], start_hz: float, end_hz: float) -> NDArray[np.float64]:
    slope = (end_hz - start_hz) / time_s[-1]
    return np.asarray(np.sin(2 * np.pi * (start_hz * time_s + slope * time_s**2 / 2)))

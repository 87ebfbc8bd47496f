"""Log-mel spectrograms against librosa, and against hand-worked tones."""

import warnings

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data.audio.mel import FLOOR_DB, LogMel, check_bands, mel_filters
from nas.data.audio.preprocess import MelPreprocess
from nas.errors import NasError

SEEDS = MelPreprocess()
"""32 kHz, hop 512, as the seeds."""
SETTINGS = [
    (SEEDS, 128),
    (MelPreprocess(sample_rate_hz=16_000, fft_samples=1_024, hop_samples=160, high_hz=7_500.0), 64),
    (MelPreprocess(sample_rate_hz=22_050, fft_samples=1_500, hop_samples=1_500, low_hz=0.0), 40),
    (MelPreprocess(sample_rate_hz=8_000, fft_samples=255, hop_samples=100, low_hz=300.0), 16),
]


def chirp_in_noise(rate_hz: int, seconds: float = 1.3) -> np.ndarray:
    """A rising chirp in noise that grows louder, after a fifth of a second of silence."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(3).normal(size=len(time_s)) * 0.05 * time_s
    chirp = 0.3 * np.sin(2 * np.pi * (200 + 0.15 * rate_hz * time_s) * time_s)
    return np.where(time_s > 0.2, chirp + noise, 0).astype(np.float32)


def librosa_mel(samples: np.ndarray, preprocess: MelPreprocess, bands: int) -> np.ndarray:
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=preprocess.sample_rate_hz,
        n_fft=preprocess.fft_samples,
        hop_length=preprocess.hop_samples,
        n_mels=bands,
        fmin=preprocess.low_hz,
        fmax=preprocess.high_hz,
    )
    return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None)


@pytest.mark.parametrize(("preprocess", "bands"), SETTINGS)
def test_equal_to_librosa(preprocess: MelPreprocess, bands: int) -> None:
    samples = chirp_in_noise(preprocess.sample_rate_hz)
    found = LogMel(preprocess, bands)(samples)
    assert found.dtype == np.float32
    expected = librosa_mel(samples, preprocess, bands)
    # Of an odd transform's frames librosa leaves out one that ends in padding.
    frames = expected.shape[1] + preprocess.fft_samples % 2
    assert found.shape == (bands, frames)
    np.testing.assert_allclose(found[:, : expected.shape[1]], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("preprocess", "bands"), SETTINGS)
def test_the_filters_are_librosas(preprocess: MelPreprocess, bands: int) -> None:
    expected = librosa.filters.mel(
        sr=preprocess.sample_rate_hz,
        n_fft=preprocess.fft_samples,
        n_mels=bands,
        fmin=preprocess.low_hz,
        fmax=preprocess.high_hz,
    )
    np.testing.assert_allclose(mel_filters(preprocess, bands), expected, atol=1e-8)


def test_a_minute_of_the_seeds_setting_is_128_by_3751() -> None:
    log_mel = LogMel(SEEDS, 128)
    assert log_mel(np.zeros(60 * 32_000, np.float32)).shape == (128, 3_751)
    assert log_mel.frames(60 * 32_000) == 3_751


@pytest.mark.parametrize("samples", [1, 2, 511, 512, 513, 64 * 512 - 1, 64 * 512, 65 * 512])
def test_every_length_has_its_frames(samples: int) -> None:
    sound = chirp_in_noise(32_000, 2.1)[-samples:]
    log_mel = LogMel(SEEDS, 128)
    found = log_mel(sound)
    assert found.shape == (128, log_mel.frames(samples))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "n_fft=2048 is too large", UserWarning)
        expected = librosa_mel(sound, SEEDS, 128)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_silence_lies_on_the_floor() -> None:
    np.testing.assert_array_equal(LogMel(SEEDS, 32)(np.zeros(5_000, np.float32)), FLOOR_DB)


def test_ten_times_louder_is_20_db_more() -> None:
    samples = chirp_in_noise(32_000)[16_000:]
    log_mel = LogMel(SEEDS, 64)
    np.testing.assert_allclose(log_mel(10 * samples) - log_mel(samples), 20, atol=1e-3)


@pytest.mark.parametrize("hz", [250.0, 1_000.0, 6_400.0])
def test_a_tone_is_loudest_in_its_band(hz: float) -> None:
    samples = np.sin(2 * np.pi * hz * np.arange(32_000) / 32_000).astype(np.float32)
    loudest = LogMel(SEEDS, 128)(samples)[:, 30].argmax()
    # Slaney: 3 mels for 200 Hz up to 15 mels at 1 kHz, then 27 for a factor of 6.4.
    mels = {250.0: 3.75, 1_000.0: 15.0, 6_400.0: 42.0}
    low, high = 0.75, 15 + 27 * np.log(16) / np.log(6.4)
    assert loudest == pytest.approx((mels[hz] - low) / (high - low) * 129 - 1, abs=1)


def test_a_click_lies_in_its_frame() -> None:
    samples = np.zeros(32_000, np.float32)
    samples[20 * 512] = 1
    loudness = LogMel(SEEDS, 128)(samples).mean(axis=0)
    assert loudness.argmax() == 20  # frame f is centred on sample f * hop


def test_samples_that_may_not_be_written_are_read_and_left_alone() -> None:
    samples = chirp_in_noise(32_000)
    before = samples.copy()
    samples.flags.writeable = False
    LogMel(SEEDS, 16)(samples)
    np.testing.assert_array_equal(samples, before)


def test_bands_without_any_frequency_are_refused() -> None:
    preprocess = MelPreprocess(fft_samples=256, hop_samples=128)
    with pytest.raises(NasError, match=r"preprocess\.fft_samples: \d+ of 128 mel bands") as raised:
        LogMel(preprocess, 128)
    assert raised.value.key == "preprocess.fft_samples"
    LogMel(preprocess, 16)


@given(
    st.integers(1_000, 48_000),
    st.integers(16, 4_096),
    st.integers(1, 300),
    st.floats(0, 400),
    st.floats(0.5, 1),
)
def test_bands_are_refused_just_where_filters_are_empty(
    rate_hz: int, fft_samples: int, bands: int, low_hz: float, top: float
) -> None:
    preprocess = MelPreprocess(
        sample_rate_hz=rate_hz,
        fft_samples=fft_samples,
        hop_samples=fft_samples,
        low_hz=low_hz,
        high_hz=top * rate_hz / 2 if top * rate_hz / 2 > low_hz else None,
    )
    empty = int((mel_filters(preprocess, bands).max(axis=1) == 0).sum())
    if empty:
        with pytest.raises(
            NasError, match=f"^preprocess.fft_samples: {empty} of {bands} mel bands"
        ):
            check_bands(preprocess, bands)
    else:
        check_bands(preprocess, bands)

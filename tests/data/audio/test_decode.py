"""Recordings as samples: every format, rate and channel, and every way to be broken."""

import os
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from nas.data.audio.decode import UnreadableAudio, read_audio

SECONDS = 0.7


def tone(rate_hz: int, hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(SECONDS * rate_hz)) / rate_hz)


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(7).uniform(-0.5, 0.5, samples)


@pytest.mark.parametrize("suffix", ["flac", "wav", "ogg", "mp3"])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_a_tone_survives_every_format_and_rate(tmp_path: Path, suffix: str, rate_hz: int) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(rate_hz), rate_hz)
    samples = read_audio(path, 32_000)
    assert samples.dtype == np.float32
    assert samples.shape == (round(SECONDS * 32_000),)
    middle = slice(4_000, -4_000)  # codecs and resampling ring at the ends
    np.testing.assert_allclose(samples[middle], tone(32_000)[middle], atol=0.02)


@pytest.mark.slow
def test_the_resampling_is_librosas(tmp_path: Path) -> None:
    path = tmp_path / "noise.flac"
    soundfile.write(path, noise(22_050), 44_100)
    samples, _ = soundfile.read(path, dtype="float32")
    expected = librosa.resample(samples, orig_sr=44_100, target_sr=32_000)
    np.testing.assert_allclose(read_audio(path, 32_000), expected, atol=1e-6)


def test_a_minute_at_48_khz_gives_a_minute_at_32_khz(tmp_path: Path) -> None:
    path = tmp_path / "minute.flac"
    soundfile.write(path, np.zeros(60 * 48_000), 48_000)
    assert read_audio(path, 32_000).shape == (60 * 32_000,)


def test_what_is_above_the_new_rate_does_not_fold_back(tmp_path: Path) -> None:
    path = tmp_path / "high.wav"
    soundfile.write(path, tone(32_000, hz=11_000), 32_000)
    assert np.abs(read_audio(path, 16_000)[500:-500]).max() < 1e-3


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(8_000), noise(5_600)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([left, right], axis=1), 8_000, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path, 8_000), (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_depth_has_full_scale_one(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "depth.wav"
    soundfile.write(path, tone(8_000), 8_000, subtype=subtype)
    np.testing.assert_allclose(read_audio(path, 8_000), tone(8_000), atol=0.01)


def test_silence_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "silence.flac"
    soundfile.write(path, np.zeros(800), 8_000)
    np.testing.assert_array_equal(read_audio(path, 8_000), np.zeros(800))


def damaged(path: Path, damage: str) -> None:
    """A file of the ending of `path` that can't be read to its end."""
    soundfile.write(path, noise(40_000), 16_000)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "header":
        path.write_bytes(content[:60])
    elif damage == "text":
        path.write_text("hello" * 100)
    else:
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("a.flac", "cut", "^flac decoder lost sync$"),
        ("a.flac", "header", "flac"),
        ("a.flac", "text", "not recognised"),
        ("a.flac", "empty", "an empty file"),
        ("a.mp3", "cut", r"cut short: \d+ of 40000 samples can be read"),
        ("a.ogg", "header", "malformed"),
        ("a.ogg", "cut", "cut short"),
        ("a.wav", "cut", r"^cut short: \d+ of 80000 bytes of samples are there$"),
        ("a.aiff", "cut", r"^cut short: \d+ of \d+ bytes of samples are there$"),
        ("a.au", "cut", r"^cut short: \d+ of 80000 bytes of samples are there$"),
        ("a.wav", "text", "not recognised"),
    ],
)
def test_a_broken_file_says_why(tmp_path: Path, name: str, damage: str, reason: str) -> None:
    damaged(tmp_path / name, damage)
    with pytest.raises(UnreadableAudio, match=reason):
        read_audio(tmp_path / name, 16_000)


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64", "AIFF", "AU", "OGG"])
def test_a_file_is_cut_or_whole(tmp_path: Path, form: str) -> None:
    soundfile.write(
        tmp_path / "a", noise(40_001), 8_000, "PCM_U8" if form == "WAV" else None, format=form
    )
    content = (tmp_path / "a").read_bytes()
    assert len(read_audio(tmp_path / "a", 8_000)) == 40_001
    (tmp_path / "a").write_bytes(content + b"trailing bytes of another program")
    assert len(read_audio(tmp_path / "a", 8_000)) >= 40_001
    for lost in (3, 5_000):
        (tmp_path / "a").write_bytes(content[:-lost])
        with pytest.raises(UnreadableAudio, match="cut short"):
            read_audio(tmp_path / "a", 8_000)


def test_an_ogg_without_its_last_page_is_cut_short(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.ogg", noise(400_000), 16_000)
    content = (tmp_path / "a.ogg").read_bytes()
    (tmp_path / "a.ogg").write_bytes(content[: content.rindex(b"OggS")])
    with pytest.raises(UnreadableAudio, match="its last page is missing"):
        read_audio(tmp_path / "a.ogg", 16_000)


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x8000_0000, 0x7FFF_F000])
def test_a_wav_of_a_stream_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.wav").write_bytes(with_data_size(tmp_path, size))
    assert len(read_audio(tmp_path / "a.wav", 8_000)) == 4_000


def test_a_wav_that_says_it_is_empty_and_is_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(with_data_size(tmp_path, 0))
    with pytest.raises(UnreadableAudio, match="says no samples, but 8000 bytes follow it"):
        read_audio(tmp_path / "a.wav", 8_000)


def with_data_size(folder: Path, size: int) -> bytes:
    """A WAV of 4,000 samples at 8 kHz whose header says another size of samples."""
    soundfile.write(folder / "a.wav", noise(4_000), 8_000)
    content = (folder / "a.wav").read_bytes()
    place = content.index(b"data") + 4
    return content[:place] + size.to_bytes(4, "little") + content[place + 4 :]


def test_a_low_rate_does_not_make_a_small_file_large(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(100_000), 1)
    with pytest.raises(UnreadableAudio, match="100000 s at 1 Hz are 3200000000 samples, more than"):
        read_audio(tmp_path / "a.wav", 32_000)
    soundfile.write(tmp_path / "a.wav", noise(100), 1)
    assert len(read_audio(tmp_path / "a.wav", 1_000)) == 100_000


def test_a_flac_of_unknown_length_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", noise(4_000), 8_000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] &= 0xF0  # the count of samples: 36 bits of STREAMINFO
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(UnreadableAudio, match="does not say how long it is"):
        read_audio(tmp_path / "a.flac", 8_000)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    samples = noise(100)
    samples[50] = value
    soundfile.write(tmp_path / "nan.wav", samples, 8_000, subtype="FLOAT")
    with pytest.raises(UnreadableAudio, match="no numbers"):
        read_audio(tmp_path / "nan.wav", 8_000)


def test_a_recording_without_samples_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 8_000)
    with pytest.raises(UnreadableAudio, match="holds no samples"):
        read_audio(tmp_path / "none.wav", 8_000)
    soundfile.write(tmp_path / "one.wav", np.zeros(1), 48_000)
    with pytest.raises(UnreadableAudio, match="holds no samples"):
        read_audio(tmp_path / "one.wav", 8_000)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudio, match="no such file"):
        read_audio(tmp_path / "nowhere.flac", 8_000)
    with pytest.raises(UnreadableAudio, match="not a plain file"):
        read_audio(tmp_path, 8_000)
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(UnreadableAudio, match="not a plain file"):
        read_audio(tmp_path / "pipe.wav", 8_000)


def test_odd_endings_and_names_end_in_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(100))
    with pytest.raises(UnreadableAudio, match="samplerate"):
        read_audio(tmp_path / "a.raw", 8_000)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    odd.write_bytes(b"RIFF")
    with pytest.raises(UnreadableAudio, match="codec"):
        read_audio(odd, 8_000)

"""Decoding of recordings to mono samples at the rate of the spectrograms."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

Samples = npt.NDArray[np.float32]
"""Mono sound, shape (samples,); full scale is 1."""

AUDIO_SUFFIXES = (".flac", ".wav", ".ogg", ".mp3")
"""Extensions of recordings in a folder, in lower case."""

AUDIO_VERSION = 1
"""Raised whenever the same file gives other samples than before: old caches are then not used."""

_WHOLE = 0.99
"""Share of the declared samples with which a file is complete: MP3 without an index estimates."""


class UnreadableAudio(Exception):
    """The file can't be decoded to sound or a spectrogram; the message says why."""


def read_audio(path: Path, sample_rate_hz: int) -> Samples:
    """The whole recording, shape (samples,): mean of its channels, resampled by soxr's HQ.

    FLAC, WAV, OGG, MP3 and what else libsndfile knows. Silence is sound. Raises UnreadableAudio for
    a file that is missing, broken, cut short or without samples, and for samples that are no
    numbers.
    """
    refuse_no_file(path)
    try:
        with soundfile.SoundFile(str(path)) as file:
            samples = _mono(file)
            file_rate_hz = file.samplerate
    # `.raw` files lead to a TypeError, odd file names to a UnicodeError.
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        raise UnreadableAudio(_reason(error)) from error
    if not np.isfinite(samples).all():
        raise UnreadableAudio("holds samples that are no numbers")
    if file_rate_hz != sample_rate_hz:
        samples = soxr.resample(samples, file_rate_hz, sample_rate_hz, quality="HQ")
    if not len(samples):
        raise UnreadableAudio("holds no samples")
    return samples


def refuse_no_file(path: Path) -> None:
    """Raises UnreadableAudio unless `path` is a file with content: a pipe may never end."""
    if not path.is_file():
        raise UnreadableAudio("not a plain file" if path.exists() else "no such file")
    if path.stat().st_size == 0:
        raise UnreadableAudio("an empty file")


def _mono(file: Any) -> Samples:
    promised = file.frames
    samples = file.read(dtype="float32", always_2d=True)
    if len(samples) < _WHOLE * promised:
        raise UnreadableAudio(f"cut short: {len(samples)} of {promised} samples can be read")
    mono: Samples = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    return mono


def _reason(error: Exception) -> str:
    if isinstance(error, soundfile.LibsndfileError):
        return str(error.error_string).removeprefix("Error : ").rstrip(".")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)

"""Decoding of recordings to mono samples at the rate of the spectrograms."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from nas.data.audio.truncation import cut_short

Samples = npt.NDArray[np.float32]
"""Mono sound, shape (samples,); full scale is 1."""

AUDIO_VERSION = 2
"""Raised whenever the same file gives other samples than before: old caches are then not used."""

_UNKNOWN_LENGTH = 1 << 62
_WHOLE = 0.99
"""Share of the declared samples with which a file is complete: MP3 without an index estimates."""


MOST_SAMPLES = 1 << 28
"""Of a recording, at its own rate and at that of the spectrograms: 2.3 hours at 32 kHz, 1 GiB."""

_READ_AT_ONCE = 1 << 20
"""Samples of all channels."""


class UnreadableAudio(Exception):
    """The file can't be decoded to sound or a spectrogram; the message says why."""


def read_audio(path: Path, sample_rate_hz: int) -> Samples:
    """The whole recording, shape (samples,): mean of its channels, resampled by soxr's HQ.

    FLAC, WAV, OGG, MP3 and what else libsndfile knows. Silence is sound. A WAV whose size was never
    filled in (0xFFFFFFFF, 0x7FFFFFFF and the like) is read to its end. Raises UnreadableAudio for a
    file that is missing, broken, cut short, longer than `MOST_SAMPLES` or
    without samples, and for samples that are no numbers.
    """
    refuse_no_file(path)
    try:
        with soundfile.SoundFile(str(path)) as file:
            file_rate_hz = file.samplerate
            _refuse_length(file, sample_rate_hz)
            if problem := cut_short(path):
                raise UnreadableAudio(problem)
            samples = _mono(file)
    # `.raw` files lead to a TypeError, odd file names to a UnicodeError.
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        raise UnreadableAudio(_reason(error)) from error
    except MemoryError as error:
        raise UnreadableAudio("more memory is needed than there is") from error
    if not np.isfinite(samples).all():
        raise UnreadableAudio("holds samples that are no numbers")
    if file_rate_hz != sample_rate_hz:
        samples = soxr.resample(samples, file_rate_hz, sample_rate_hz, quality="HQ")
    if not len(samples):
        raise UnreadableAudio("holds no samples")
    return samples


def declared_duration_s(path: Path) -> float | None:
    """Seconds that the header says; None where it says nothing, or is no recording's."""
    said = declared_length(path)
    return None if said is None else said[0] / said[1]


def declared_length(path: Path) -> tuple[int, int] | None:
    """Samples, and samples a second, that the header says; None where it says nothing."""
    if not path.is_file():
        return None
    try:
        with soundfile.SoundFile(str(path)) as file:
            known = 0 < file.frames < _UNKNOWN_LENGTH
            return (int(file.frames), int(file.samplerate)) if known else None
    except (soundfile.SoundFileError, OSError, TypeError, ValueError):
        return None


def refuse_no_file(path: Path) -> None:
    """Raises UnreadableAudio unless `path` is a file with content: a pipe may never end."""
    if not path.is_file():
        raise UnreadableAudio("not a plain file" if path.exists() else "no such file")
    if path.stat().st_size == 0:
        raise UnreadableAudio("an empty file")


def _mono(file: Any) -> Samples:
    promised = file.frames
    frames = max(1, _READ_AT_ONCE // file.channels)
    parts: list[Samples] = []
    while len(part := file.read(frames, dtype="float32", always_2d=True)):
        parts.append(part[:, 0] if file.channels == 1 else part.mean(axis=1))
    mono: Samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if len(mono) < _WHOLE * promised:
        raise UnreadableAudio(f"cut short: {len(mono)} of {promised} samples can be read")
    return mono


def _refuse_length(file: Any, sample_rate_hz: int) -> None:
    """Raises UnreadableAudio for more samples than are allowed, by the header."""
    if file.frames > _UNKNOWN_LENGTH:
        raise UnreadableAudio("the header does not say how long it is: encode it again")
    samples = max(file.frames, file.frames * sample_rate_hz // file.samplerate)
    if samples > MOST_SAMPLES:
        seconds = file.frames / file.samplerate
        problem = f"{seconds:.0f} s at {file.samplerate} Hz are {samples} samples"
        raise UnreadableAudio(f"{problem}, more than the {MOST_SAMPLES} allowed: cut it into parts")


def _reason(error: Exception) -> str:
    if isinstance(error, soundfile.LibsndfileError):
        return str(error.error_string).removeprefix("Error : ").rstrip(".")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)

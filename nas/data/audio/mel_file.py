"""Spectrograms as files: ready-made ones, and those that the cache keeps of recordings."""

import re
import zlib
from io import BytesIO
from pathlib import Path
from threading import Lock
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import torch

from nas.data.audio.decode import AUDIO_VERSION, UnreadableAudio, read_audio, refuse_no_file
from nas.data.audio.mel import MEL_VERSION, LogMel, Mel
from nas.data.audio.preprocess import MelPreprocess
from nas.files import atomic_write_bytes

StoredMel = npt.NDArray[np.float16]
"""Log-mel spectrogram in dB, shape (bands, frames), not to be written to."""

_CHECK_BYTES = 4
"""Length of the CRC-32 of all before it: numpy does not mind what follows an array."""
_DTYPE = np.dtype(np.float16)
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '%b', 'fortran_order': False, "
    rb"'shape': \(([1-9]\d*), ([1-9]\d*)\), \} *\n" % _DTYPE.str.encode(),
    re.DOTALL,
)
"""What numpy writes before an array of two axes in row order (NEP 1)."""
_HEADER_MOST_BYTES = 1_024
"""More than any such header; numpy's own reader of them is not safe in threads."""


def write_mel(path: Path, mel: StoredMel) -> None:
    """Put the spectrogram at `path`, whole or not at all. Raises OSError."""
    stream = BytesIO()
    np.save(stream, np.ascontiguousarray(mel))
    content = stream.getvalue()
    atomic_write_bytes(path, content + zlib.crc32(content).to_bytes(_CHECK_BYTES, "little"))


def open_mel(path: Path) -> StoredMel | None:
    """The spectrogram at `path`, mapped into memory; None where it is absent or damaged."""
    try:
        content = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError):
        return None
    check = int.from_bytes(content[-_CHECK_BYTES:].tobytes(), "little")
    if zlib.crc32(content[:-_CHECK_BYTES].data) != check:
        return None
    header = _HEADER.match(content[:_HEADER_MOST_BYTES].tobytes())
    if header is None:
        return None
    shape = int(header[1]), int(header[2])
    if header.end() + shape[0] * shape[1] * _DTYPE.itemsize + _CHECK_BYTES != len(content):
        return None
    # np.memmap keeps a file open for each array: thousands are more than a process may have.
    start = header.end() // _DTYPE.itemsize
    values = torch.from_file(
        str(path), shared=False, size=start + shape[0] * shape[1], dtype=torch.float16
    ).numpy()
    mel: StoredMel = values[start:].reshape(shape)
    mel.flags.writeable = False
    return mel


READY_SUFFIX = ".npz"

_READING = Lock()
"""numpy reads headers with `ast`, which fails now and then where two threads do (CPython 3.11)."""


def read_ready_mel(path: Path, bands: int) -> Mel:
    """The one array of a `.npz` file with two axes and `bands` rows, as float32 (bands, frames).

    Its values are taken for the dB of our own spectrograms. Raises UnreadableAudio for a broken
    file, for none or several such arrays, and for values that are no numbers.
    """
    refuse_no_file(path)
    try:
        with (
            _READING,
            open(path, "rb") as stream,
            np.load(stream, allow_pickle=False) as archive,
        ):
            arrays = {name: archive[name] for name in archive.files}
    # numpy hands a file that is no archive to pickle (ValueError), or gives its one array.
    except (OSError, ValueError, TypeError, AttributeError, EOFError, BadZipFile) as error:
        raise UnreadableAudio(f"no .npz file of numbers: {error}") from error
    fitting = [name for name, array in arrays.items() if _fits(array, bands)]
    if len(fitting) != 1:
        found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise UnreadableAudio(f"not one array of {bands} rows and some columns: holds {found}")
    return np.asarray(arrays[fitting[0]], dtype=np.float32)


def _fits(array: np.ndarray, bands: int) -> bool:
    numbers = np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)
    return numbers and array.ndim == 2 and array.shape[0] == bands and array.shape[1] > 0


class MelMaker:
    """Makes spectrograms of one setting; may be called from several threads."""

    def __init__(self, preprocess: MelPreprocess, bands: int) -> None:
        """Raises NasError for settings that make no spectrogram."""
        self._bands = bands
        self._preprocess = preprocess
        self._log_mel = LogMel(preprocess, bands)

    def __call__(self, path: Path) -> StoredMel:
        """Log-mel in dB, float16 (bands, frames): right to 0.035 dB. Raises UnreadableAudio."""
        if _is_ready(path):
            mel = read_ready_mel(path, self._bands)
        else:
            mel = self._log_mel(read_audio(path, self._preprocess.sample_rate_hz))
        with np.errstate(over="ignore"):
            stored = mel.astype(np.float16)
        if not np.isfinite(stored).all():
            raise UnreadableAudio("holds values beyond all sound, or that are no numbers")
        stored.flags.writeable = False  # as what comes from the cache
        return stored

    def key(self, path: Path) -> dict[str, object]:
        """All that the spectrogram depends on beside the file's content."""
        if _is_ready(path):
            return {"ready": MEL_VERSION, "bands": self._bands}
        settings = self._preprocess.model_dump(
            include={"sample_rate_hz", "fft_samples", "hop_samples", "low_hz"}
        )
        return {
            "audio": AUDIO_VERSION,
            "mel": MEL_VERSION,
            "libsndfile": soundfile.__libsndfile_version__,
            "soxr": soxr.__version__,
            "bands": self._bands,
            "high_hz": self._preprocess.top_hz,
            **settings,
        }


def _is_ready(path: Path) -> bool:
    return path.suffix.lower() == READY_SUFFIX

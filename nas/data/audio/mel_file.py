"""Spectrograms as files: ready-made ones, and those that the cache keeps of recordings."""

import lzma
import math
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Lock
from zipfile import BadZipFile, LargeZipFile, ZipFile, ZipInfo

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

MOST_READY_BYTES = 1 << 28
"""Of a ready-made spectrogram: 2.3 hours of 128 bands in float32, 62 frames a second."""

_OF_ARCHIVES = (
    BadZipFile,
    LargeZipFile,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
)

_READING = Lock()
"""numpy reads headers with `ast`, which fails now and then where two threads do (CPython 3.11)."""


def read_ready_mel(path: Path, bands: int) -> Mel:
    """The one array of a `.npz` file with two axes and `bands` rows, as float32 (bands, frames).

    Its values are taken for the dB of our own spectrograms. Raises UnreadableAudio for a broken
    file, for none or several such arrays, and for values that are no numbers.
    """
    refuse_no_file(path)
    try:
        with _READING, ZipFile(path) as archive:
            arrays = {info: _header(archive, info) for info in archive.infolist()}
            fitting = [info for info, header in arrays.items() if header.fits(bands)]
            if len(fitting) != 1:
                raise UnreadableAudio(_not_one(arrays.values(), bands))
            arrays[fitting[0]].refuse_size(fitting[0].file_size)
            with archive.open(fitting[0]) as stream:
                mel = np.lib.format.read_array(stream, allow_pickle=False)
    except MemoryError as error:
        raise UnreadableAudio("more memory is needed than there is") from error
    # Broken archives lead zipfile and numpy to errors of many kinds, zlib.error among them.
    except (OSError, ValueError, LookupError, EOFError, *_OF_ARCHIVES) as error:
        raise UnreadableAudio(f"no .npz file of numbers: {error}") from error
    return np.asarray(mel, dtype=np.float32)


@dataclass(frozen=True)
class _Header:
    """What an array within an archive says of itself."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def fits(self, bands: int) -> bool:
        numbers = np.issubdtype(self.dtype, np.floating) or np.issubdtype(self.dtype, np.integer)
        return numbers and len(self.shape) == 2 and self.shape[0] == bands and self.shape[1] > 0

    def refuse_size(self, held: int) -> None:
        """Raises UnreadableAudio for an array that is larger than allowed, or than what is held."""
        claimed = math.prod(self.shape) * self.dtype.itemsize
        if claimed > min(held, MOST_READY_BYTES):
            problem = f"{self.name} {self.shape} has {claimed} bytes, and {held} are there"
            raise UnreadableAudio(f"{problem}; at most {MOST_READY_BYTES} are allowed")


def _header(archive: ZipFile, info: ZipInfo) -> _Header:
    """Raises ValueError for what is no array of numbers."""
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"version {version} of the format of arrays")
        shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("objects of Python")
    return _Header(info.filename.removesuffix(".npy"), shape, dtype)


def _not_one(arrays: Iterable[_Header], bands: int) -> str:
    found = ", ".join(f"{array.name} {array.shape}" for array in arrays) or "nothing"
    return f"not one array of {bands} rows and some columns: holds {found}"


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

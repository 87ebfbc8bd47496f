"""Decoded images as one memory-mapped array on disk, keyed by content and settings."""

import hashlib
import json
import logging
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL

from nas.cores import usable_cores
from nas.data.decode import (
    DECODE_VERSION,
    UnreadableImage,
    decode_bytes,
    guarded_pillow,
    refuse_pipe,
)
from nas.data.digests import DigestMemo
from nas.data.image_set import Pixels
from nas.data.progress import Progress
from nas.data.storage import exclusive
from nas.files import atomic_file, atomic_write_bytes
from nas.spec.preprocess import ImagePreprocess

log = logging.getLogger(__name__)

_HEADER_BYTES = 128
_AT_ONCE = 512
"""Images decoded before they are written."""


@dataclass(frozen=True)
class DecodeSettings:
    """All that pixels depend on beside the file."""

    height: int
    width: int
    channels: int
    preprocess: ImagePreprocess

    def key(self) -> dict[str, object]:
        """The parts that change pixels: not the mean and deviation that come after."""
        geometry = self.preprocess.model_dump(include={"turn_portrait", "interpolation"})
        size = {"height": self.height, "width": self.width, "channels": self.channels}
        return {"decode": DECODE_VERSION, "pillow": PIL.__version__, **size, **geometry}


@dataclass(frozen=True, eq=False)
class DecodedFiles:
    """Pixels of the readable files, in order, and why the others could not be read."""

    pixels: Pixels
    unreadable: dict[int, str]
    """Reason by position in the list of files."""


@dataclass(frozen=True)
class _Record:
    """What is written beside an array."""

    shape: tuple[int, ...]
    crc32: int
    unreadable: dict[int, str]


def decoded_files(
    paths: Sequence[Path],
    settings: DecodeSettings,
    memo: DigestMemo,
    cache_dir: Path | None,
    on_progress: Progress | None = None,
) -> DecodedFiles:
    """Pixels of `paths`, from the cache if it has them whole, else decoded and put there.

    With no cache folder, or one that can't be written (a warning is logged), they are kept in RAM.
    """
    if cache_dir is None:
        log.warning("no folder for the cache (set NAS_CACHE): decoded images are kept in RAM")
        return _in_memory(paths, settings, on_progress)
    array = cache_dir / "images" / f"{_cache_key(memo.digests(paths), settings)}.npy"
    found = _open(array)
    if found is not None:
        return found
    try:
        with exclusive(array.with_suffix(".lock")):
            # Another process may have filled it while this one waited.
            found = _open(array)
            if found is None:
                _build(array, paths, settings, on_progress)
                found = _open(array)
    except OSError as error:
        log.warning(
            "%s: the cache can't be written (%s): decoded images are kept in RAM", cache_dir, error
        )
    return found or _in_memory(paths, settings, on_progress)


def _cache_key(digests: Sequence[str], settings: DecodeSettings) -> str:
    text = json.dumps([settings.key(), list(digests)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _open(array: Path) -> DecodedFiles | None:
    """The cached files, or None where they are absent, cut short or damaged."""
    try:
        record = json.loads(array.with_suffix(".json").read_text("utf-8"))
        unreadable = {int(position): str(why) for position, why in record["unreadable"].items()}
        shape = tuple(int(size) for size in record["shape"])
        with open(array, "rb") as stream:
            whole = stream.read(_HEADER_BYTES) == _npy_header(shape)
        mapped = np.memmap(array, np.uint8, "r", _HEADER_BYTES, shape)
        whole = whole and zlib.crc32(mapped.data) == record["crc32"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    # A plain array on the same memory: np.memmap itself is slower to index.
    return DecodedFiles(np.asarray(mapped), unreadable) if whole else None


def _build(
    array: Path, paths: Sequence[Path], settings: DecodeSettings, on_progress: Progress | None
) -> None:
    with atomic_file(array) as stream:
        record = _write_array(stream, paths, settings, on_progress)
    atomic_write_bytes(array.with_suffix(".json"), json.dumps(asdict(record)).encode())


def _in_memory(
    paths: Sequence[Path], settings: DecodeSettings, on_progress: Progress | None
) -> DecodedFiles:
    stream = BytesIO()
    record = _write_array(stream, paths, settings, on_progress)
    buffer = stream.getbuffer().toreadonly()
    pixels = np.frombuffer(buffer, dtype=np.uint8, offset=_HEADER_BYTES)
    return DecodedFiles(pixels.reshape(record.shape), record.unreadable)


def _write_array(
    stream: BinaryIO, paths: Sequence[Path], settings: DecodeSettings, on_progress: Progress | None
) -> _Record:
    """Decodes in order and writes a .npy file, whose header comes last: only then is N known."""
    unreadable: dict[int, str] = {}
    crc32 = 0
    stream.write(bytes(_HEADER_BYTES))
    for position, image in enumerate(_decode_all(paths, settings)):
        if isinstance(image, UnreadableImage):
            unreadable[position] = str(image)
        else:
            stream.write(image.data)
            crc32 = zlib.crc32(image.data, crc32)
        if on_progress is not None:
            on_progress(position + 1, len(paths))
    count = len(paths) - len(unreadable)
    shape = (count, settings.height, settings.width, settings.channels)
    stream.seek(0)
    stream.write(_npy_header(shape))
    return _Record(shape, crc32, unreadable)


def _decode_all(
    paths: Sequence[Path], settings: DecodeSettings
) -> Iterator[Pixels | UnreadableImage]:
    with guarded_pillow(), ThreadPoolExecutor(usable_cores()) as pool:
        for start in range(0, len(paths), _AT_ONCE):
            yield from pool.map(
                lambda path: _decode_or_reason(path, settings), paths[start : start + _AT_ONCE]
            )


def _decode_or_reason(path: Path, settings: DecodeSettings) -> Pixels | UnreadableImage:
    try:
        refuse_pipe(path)
        content = path.read_bytes()
        pixels = decode_bytes(
            content, settings.height, settings.width, settings.channels, settings.preprocess
        )
    except UnreadableImage as error:
        return error
    except OSError as error:
        return UnreadableImage(error.strerror or str(error))
    return np.ascontiguousarray(pixels)


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Header of a .npy file, version 1.0 (NEP 1), filled up to a fixed length."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape})
    body = text.ljust(_HEADER_BYTES - 11).encode("ascii") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body

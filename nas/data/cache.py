"""The cache: its folder, locks between processes, generated data sets, decoded pictures."""

import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from nas.data.decode import Pixels, SizedPixels, UnreadableImage, guarded_pillow
from nas.data.digests import DigestMemo
from nas.data.files import Progress
from nas.files import atomic_file, atomic_write_bytes
from nas.machine import usable_cores

log = logging.getLogger(__name__)


def default_cache_dir() -> Path | None:
    """`$NAS_CACHE`, else the platform's cache folder of the user; None if the user has no home."""
    named = os.environ.get("NAS_CACHE")
    if named:
        return Path(named)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) / "nas" / "cache" if local else None
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "nas"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "nas"


@contextmanager
def cache_lock(path: Path) -> Iterator[None]:
    """One process at a time, by a lock on the file `path`.

    Where the platform or the file system has no such locks, all go in: files are written by
    `nas.files.atomic_file`, so that work is then done twice, but never wrongly.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as stream:
        _lock(stream)
        yield


def _lock(stream: BinaryIO) -> None:
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError as error:
        log.info("no file locks here (%s); two processes may both fill the cache", error)


@contextmanager
def made_folder(
    cache_dir: Path | None, kind: str, made_by: tuple[object, ...], write: Callable[[Path], None]
) -> Iterator[Path]:
    """The folder of a data set that `write` fills; `made_by` is all that decides its content.

    Written into the cache once, below `generated_KIND`; where that can't be, into a folder that is
    removed afterwards.
    """
    if cache_dir is not None:
        digest = hashlib.sha256(repr(made_by).encode()).hexdigest()[:16]
        folder = cache_dir / f"generated_{kind}" / digest
        if _is_made(folder, write):
            yield folder
            return
    with tempfile.TemporaryDirectory(prefix=f"nas-{kind}-") as temporary:
        write(Path(temporary))
        yield Path(temporary)


def _is_made(folder: Path, write: Callable[[Path], None]) -> bool:
    """Whether the folder is there, complete: it is made where it can be."""
    if folder.is_dir():
        return True
    try:
        with cache_lock(folder.with_suffix(".lock")):
            # Another process may have made it while this one waited.
            if not folder.is_dir():
                for left in folder.parent.glob(f".half-{folder.name}-*"):  # by a kill
                    shutil.rmtree(left, ignore_errors=True)
                half = Path(tempfile.mkdtemp(prefix=f".half-{folder.name}-", dir=folder.parent))
                try:
                    write(half)
                    half.rename(folder)
                finally:
                    shutil.rmtree(half, ignore_errors=True)
    except OSError:
        return False
    return True


class PixelMaker(Protocol):
    """Makes pixels of one setting; may be called from several threads."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of all that it makes."""

    def key(self) -> dict[str, object]:
        """All that pixels depend on beside the file's content."""

    def __call__(self, path: Path) -> SizedPixels:
        """Pixels and original size. Raises UnreadableImage and OSError.

        Called under `nas.data.decode.guarded_pillow`.
        """


_HEADER_BYTES = 128
_AT_ONCE = 512
"""Images decoded before they are written."""


@dataclass(frozen=True, eq=False)
class DecodedFiles:
    """Pixels of the readable files, in order, and why the others could not be read."""

    pixels: Pixels
    original_sizes_N2: NDArray[np.int64]
    """(height, width) of each readable file, upright but not turned."""
    unreadable: dict[int, str]
    """Reason by position in the list of files."""
    notes: dict[int, str] = field(default_factory=dict)
    """What was passed over in a readable file, by position in the list of files."""


@dataclass(frozen=True)
class _Record:
    """What is written beside an array."""

    shape: tuple[int, ...]
    crc32: int
    sizes: list[tuple[int, int]]
    unreadable: dict[int, str]
    notes: dict[int, str]


def decoded_files(
    paths: Sequence[Path],
    maker: PixelMaker,
    memo: DigestMemo,
    cache_dir: Path | None,
    on_progress: Progress | None = None,
) -> DecodedFiles:
    """Pixels of `paths`, from the cache if it has them whole, else decoded and put there.

    With no cache folder, or one that can't be written (a warning is logged), they are kept in RAM.
    """
    if cache_dir is None:
        log.warning("no folder for the cache (set NAS_CACHE): decoded images are kept in RAM")
        return _in_memory(paths, maker, on_progress)
    array = cache_dir / "images" / f"{_cache_key(memo.digests(paths), maker)}.npy"
    found = _fresh(array, paths, maker)
    if found is not None:
        return found
    try:
        with cache_lock(array.with_suffix(".lock")):
            # Another process may have filled it while this one waited.
            found = _fresh(array, paths, maker)
            if found is None:
                _build(array, paths, maker, on_progress)
                found = _open(array)
    except OSError as error:
        log.warning(
            "%s: the cache can't be written (%s): decoded images are kept in RAM", cache_dir, error
        )
    return found or _in_memory(paths, maker, on_progress)


def _cache_key(digests: Sequence[str], maker: PixelMaker) -> str:
    text = json.dumps([maker.key(), list(digests)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _open(array: Path) -> DecodedFiles | None:
    """The cached files, or None where they are absent, cut short or damaged."""
    try:
        record = json.loads(array.with_suffix(".json").read_text("utf-8"))
        unreadable = {int(position): str(why) for position, why in record["unreadable"].items()}
        notes = {int(position): str(note) for position, note in record["notes"].items()}
        shape = tuple(int(size) for size in record["shape"])
        sizes_N2 = np.array(record["sizes"], dtype=np.int64).reshape(shape[0], 2)
        with open(array, "rb") as stream:
            whole = stream.read(_HEADER_BYTES) == _npy_header(shape)
        mapped = np.memmap(array, np.uint8, "r", _HEADER_BYTES, shape)
        whole = whole and zlib.crc32(mapped.data) == record["crc32"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None
    # A plain array on the same memory: np.memmap itself is slower to index.
    return DecodedFiles(np.asarray(mapped), sizes_N2, unreadable, notes) if whole else None


def _fresh(array: Path, paths: Sequence[Path], maker: PixelMaker) -> DecodedFiles | None:
    """The cached files; None where they are not whole, or one that could not be read now can.

    Failures are not remembered: a missing decoder, a full memory, a disk that came back are no
    fault of the file's, and which it was nobody can tell.
    """
    found = _open(array)
    if found is None or not found.unreadable:
        return found
    again: dict[int, str] = {}
    with guarded_pillow():
        for position in found.unreadable:
            made = _made_or_reason(paths[position], maker)
            if not isinstance(made, UnreadableImage):
                return None
            again[position] = str(made)
    return replace(found, unreadable=again)


def _build(
    array: Path, paths: Sequence[Path], maker: PixelMaker, on_progress: Progress | None
) -> None:
    with atomic_file(array) as stream:
        record = _write_array(stream, paths, maker, on_progress)
    atomic_write_bytes(array.with_suffix(".json"), json.dumps(asdict(record)).encode())


def _in_memory(
    paths: Sequence[Path], maker: PixelMaker, on_progress: Progress | None
) -> DecodedFiles:
    stream = BytesIO()
    record = _write_array(stream, paths, maker, on_progress)
    buffer = stream.getbuffer().toreadonly()
    pixels = np.frombuffer(buffer, dtype=np.uint8, offset=_HEADER_BYTES)
    sizes_N2 = np.array(record.sizes, dtype=np.int64).reshape(-1, 2)
    return DecodedFiles(pixels.reshape(record.shape), sizes_N2, record.unreadable, record.notes)


def _write_array(
    stream: BinaryIO, paths: Sequence[Path], maker: PixelMaker, on_progress: Progress | None
) -> _Record:
    """Decodes in order and writes a .npy file, whose header comes last: only then is N known."""
    unreadable: dict[int, str] = {}
    notes: dict[int, str] = {}
    sizes: list[tuple[int, int]] = []
    crc32 = 0
    stream.write(bytes(_HEADER_BYTES))
    # Closed at once where this fails: `guarded_pillow` within may be inside another one.
    with closing(_decode_all(paths, maker)) as decoded:
        for position, made in enumerate(decoded):
            if isinstance(made, UnreadableImage):
                unreadable[position] = str(made)
            else:
                stream.write(made.pixels.data)
                crc32 = zlib.crc32(made.pixels.data, crc32)
                sizes.append(made.original_size)
                if made.note:
                    notes[position] = made.note
            if on_progress is not None:
                on_progress(position + 1, len(paths))
    shape = (len(sizes), *maker.shape)
    stream.seek(0)
    stream.write(_npy_header(shape))
    return _Record(shape, crc32, sizes, unreadable, notes)


def _decode_all(
    paths: Sequence[Path], maker: PixelMaker
) -> Generator[SizedPixels | UnreadableImage]:
    with guarded_pillow(), ThreadPoolExecutor(usable_cores()) as pool:
        for start in range(0, len(paths), _AT_ONCE):
            yield from pool.map(
                lambda path: _made_or_reason(path, maker), paths[start : start + _AT_ONCE]
            )


def _made_or_reason(path: Path, maker: PixelMaker) -> SizedPixels | UnreadableImage:
    try:
        made = maker(path)
    except UnreadableImage as error:
        return error
    except OSError as error:
        return UnreadableImage(error.strerror or str(error))
    return made._replace(pixels=np.ascontiguousarray(made.pixels))


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Header of a .npy file, version 1.0 (NEP 1), filled up to a fixed length."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape})
    body = text.ljust(_HEADER_BYTES - 11).encode("ascii") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body

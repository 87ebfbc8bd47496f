"""The folder of the cache, files that appear whole or not at all, and locks between processes."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

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
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A new file, put on disk in `path`'s place when the block ends well, else removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces the file at `path`, parents made. Raises OSError."""
    with atomic_file(path) as stream:
        stream.write(content)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process at a time, by a lock on the file `path`.

    Where the platform or the file system has no such locks, all go in: files are written by
    `atomic_file`, so that work is then done twice, but never wrongly.
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

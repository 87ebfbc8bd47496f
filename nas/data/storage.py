"""The folder of the cache, and locks between the processes that fill it."""

import logging
import os
import sys
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
def exclusive(path: Path) -> Iterator[None]:
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

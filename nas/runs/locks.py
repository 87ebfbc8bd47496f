"""Locks between processes, by the kernel: they end with their holder, however that ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas.errors import NasError

LOCK = ".lock"
"""File of a run's folder that its one process locks."""


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait for the lock of the file `path` and hold it; it ends with the process."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """As `exclusive`, but any number of processes hold it together."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        yield


@contextmanager
def locked_run(folder: Path) -> Iterator[None]:
    """Hold the folder for one process; the kernel lets go when that process ends, however it ends.

    Raises NasError while another process holds it.
    """
    with (folder / LOCK).open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NasError("another process works in this run's folder now", file=folder) from None
        yield

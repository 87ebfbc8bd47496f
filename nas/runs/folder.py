"""The folder that a run is written to, and its log."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas.errors import NasError
from nas.files import append_line, file_name
from nas.text_table import plain_text

LOCK = ".lock"
"""File of a run's folder that its one process locks."""


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait for the lock of the file `path` and hold it; it ends with the process."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
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


def in_use(folder: Path) -> bool:
    """Whether a process holds the folder now."""
    with (folder / LOCK).open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


LOG_FILE = "log.txt"


def append_log(folder: Path, text: str) -> None:
    """Add a line with the time to the run's `log.txt`."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    append_line(folder / LOG_FILE, f"{stamp} {plain_text(text.rstrip())}")


def last_in_log(folder: Path, words: str) -> str | None:
    """What follows `words` in the last line of `log.txt` that has them; None without one."""
    text = (folder / LOG_FILE).read_text(encoding="utf-8", errors="replace")
    found = [line.partition(words)[2] for line in text.splitlines() if words in line]
    return found[-1] if found else None


def new_run_folder(out: Path | None, name: str, root: Path = Path("runs")) -> Path:
    """A new empty folder: `out`, else `root/name`, else `root/name-2` and so on where taken.

    Of `name` as `nas.files.file_name` has it: nothing is made elsewhere.

    Raises NasError as `refuse_taken` does.
    """
    refuse_taken(out)
    try:
        if out is None:
            return _next_free(root, file_name(name))
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NasError(f"can't make the folder: {error.strerror}", file=out or root) from error
    return out


def refuse_taken(out: Path | None) -> None:
    """Raises NasError if `out` exists and holds more than the lock and log of a failed start."""
    if out is None:
        return
    try:
        empty = out.is_dir() and {path.name for path in out.iterdir()} <= {LOCK, LOG_FILE}
        if out.exists() and not empty:
            raise NasError("exists already; choose another --out, or --resume it", file=out)
    except OSError as error:
        raise NasError(f"can't be read: {error.strerror}", file=out) from error


def _next_free(root: Path, name: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = root / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder

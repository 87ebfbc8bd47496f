"""Files that a kill leaves whole: the old one or the new one, never a part, nothing beside it."""

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An OSError within that names no file names `path`: a full disk gives no name at all."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def append_line(path: Path, line: str) -> None:
    """Add a line of UTF-8 text to a log. Raises OSError that names it."""
    with naming(path), path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(f"{line}\n")


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A new file, put on disk in `path`'s place when the block ends well, else nothing.

    A symbolic link stays one: the file that it leads to is replaced. A file that is replaced keeps
    its mode and owner. What is no file, as a device, a pipe or a descriptor (`/dev/stdout`), is
    written to and stays what it is. Raises OSError that names `path`; for a folder always.
    """
    temporary = target = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = _target(path)
        if isinstance(target, int) or not _is_plain(target):
            content = BytesIO()
            yield content
            # A descriptor goes on where others have written.
            handle = os.dup(target) if isinstance(target, int) else os.open(target, os.O_WRONLY)
            with naming(path), os.fdopen(handle, "wb") as stream:
                stream.write(content.getvalue())
            return
        # Short, for the file's own name may be as long as names can be.
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        with naming(path), _new_file(temporary) as stream:
            yield stream
            stream.flush()
            _like_the_old(stream, target)
            os.fsync(stream.fileno())
            _give_name(stream, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):  # a disk that can't be written has none
                temporary.unlink()
        if isinstance(error, OSError) and str(error.filename) in map(str, (temporary, target)):
            error.filename, error.filename2 = str(path), None
        raise


def atomic_write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, parents made. Raises OSError."""
    with atomic_file(path) as stream:
        stream.write(data)


def atomic_write_text(path: Path, text: str) -> None:
    """`atomic_write_bytes` of UTF-8 text."""
    atomic_write_bytes(path, text.encode("utf-8"))


def write_together(folder: Path, texts: Mapping[str, str]) -> None:
    """Write new files, all or none of them: half a beginning could neither go on nor begin anew."""
    try:
        for name, text in texts.items():
            atomic_write_text(folder / name, text)
    except BaseException:
        for name in texts:
            with suppress(OSError):
                (folder / name).unlink()
        raise


_NO_NAME = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that leave a folder, that a terminal obeys, or that no text holds."""
_NAME_BYTES = 200
"""Room is left for `-train-2` and the like."""


def file_name(text: str) -> str:
    """`text` itself where it can name a file of a folder that is shown, else the nearest that can.

    Slashes, control characters and such become `-`; it begins with no dot, and is neither empty nor
    longer than 200 bytes.
    """
    name = _NO_NAME.sub("-", text).encode()[:_NAME_BYTES].decode(errors="ignore")
    return re.sub(r"^[.\s]+", "", name).rstrip() or "unnamed"


def is_plain(path: Path) -> bool:
    """Whether `path` is, or would be when written, a file of a folder: no device, pipe or such.

    Raises OSError for a folder, and for links that lead in a circle.
    """
    return _is_plain(_target(path))


def _target(path: Path) -> Path | int:
    """Where links lead: a path that is none, or the number of this process's open file."""
    with suppress(FileNotFoundError):  # a file to come, at the end of a dangling link too
        os.stat(path)  # refuses circles
    while (descriptor := _descriptor(path)) is None:
        if not path.is_symlink():
            return path
        path = Path(os.path.realpath(path.parent), os.readlink(path))
    return descriptor


def _descriptor(path: Path) -> int | None:
    """The number that `/dev/stdout` leads to, and the like."""
    folders = ("/dev/fd", f"/proc/{os.getpid()}/fd")
    named = path.name.isdecimal() and os.path.realpath(path.parent) in folders
    return int(path.name) if named else None


def _is_plain(target: Path | int) -> bool:
    if isinstance(target, int):
        return False
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return True
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    return stat.S_ISREG(mode)


def _new_file(temporary: Path) -> BinaryIO:
    """An empty file without a name, which ends with the process; of this name where that can't be.

    Its mode is what any new file's is.
    """
    with suppress(OSError, AttributeError):
        handle = os.open(temporary.parent, os.O_TMPFILE | os.O_RDWR, 0o666)
        return os.fdopen(handle, "w+b")
    return open(temporary, "x+b")


def _like_the_old(stream: BinaryIO, place: Path) -> None:
    """Give the new file the mode of the one that it replaces, and its owner where it may."""
    try:
        old = os.stat(place)
    except FileNotFoundError:
        return
    with suppress(OSError):
        os.fchown(stream.fileno(), old.st_uid, old.st_gid)
    os.fchmod(stream.fileno(), stat.S_IMODE(old.st_mode))


def _give_name(stream: BinaryIO, temporary: Path) -> None:
    if os.fstat(stream.fileno()).st_nlink:
        return  # has it already
    try:
        # Any `src_dir_fd` makes Python follow the link: linkat(2), AT_SYMLINK_FOLLOW.
        os.link(f"/proc/self/fd/{stream.fileno()}", temporary, src_dir_fd=stream.fileno())
    except OSError:  # no /proc, or links are forbidden
        with open(temporary, "xb") as named:
            stream.seek(0)
            shutil.copyfileobj(stream, named)
            named.flush()
            os.fchmod(named.fileno(), stat.S_IMODE(os.fstat(stream.fileno()).st_mode))
            os.fsync(named.fileno())

"""Digests of files, remembered by size and times so that no file is read twice."""

import hashlib
import json
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from nas.files import atomic_write_bytes

MISSING = "missing"
"""Digest of a file that can't be read."""
Stamp = list[int]
"""Size, time of change of the content and of the file's record in ns, number of the file."""


class FileMemo:
    """A text for each of the files below one folder, kept in a JSON file of the cache."""

    def __init__(self, cache_dir: Path | None, root: Path, room: str) -> None:
        """`room` is the cache's folder for texts of this kind."""
        place = hashlib.sha256(str(root.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
        self._file = cache_dir / room / f"{place[:32]}.json" if cache_dir else None
        self._known: dict[str, tuple[Stamp, str]] = self._load()

    def recall(self, paths: Sequence[Path], read: Callable[[Path], str | None]) -> list[str | None]:
        """What `read` gives of each file, which is called for new and changed files only.

        None where it gives None, which is not remembered, and where there is no plain file.
        """
        changed = False
        found: list[str | None] = []
        for path in paths:
            stamp = _stamp(path)
            known, text = self._known.get(str(path), ([], None))
            if stamp is None:
                text = None
            elif known != stamp:
                text = read(path)
                # Another user, or a later try, may well read it.
                if text is not None:
                    self._known[str(path)] = (stamp, text)
                    changed = True
            found.append(text)
        if changed:
            self._save()
        return found

    def _load(self) -> dict[str, tuple[Stamp, str]]:
        if self._file is None:
            return {}
        try:
            entries = json.loads(self._file.read_text("utf-8"))
            return {str(path): (list(stamp), str(text)) for path, (stamp, text) in entries.items()}
        # A memo that is lost or damaged costs one reading of the files, nothing else.
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _save(self) -> None:
        if self._file is None:
            return
        content = json.dumps(self._known, ensure_ascii=True).encode("ascii")
        # The array's own writing reports a folder that can't be written.
        try:
            atomic_write_bytes(self._file, content)
        except OSError:
            self._file = None


def _stamp(path: Path) -> Stamp | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    # A pipe or a device would be waited for, or read, without end.
    if not stat.S_ISREG(state.st_mode):
        return None
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]


class DigestMemo:
    """Digests of the files below one folder, remembered in the cache."""

    def __init__(self, cache_dir: Path | None, root: Path) -> None:
        self._memo = FileMemo(cache_dir, root, "digests")

    def digests(self, paths: Sequence[Path]) -> list[str]:
        """Digest of each file, or `missing` where it can't be read or is no plain file."""
        return [digest or MISSING for digest in self._memo.recall(paths, _digest)]


def _digest(path: Path) -> str | None:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return None

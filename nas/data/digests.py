"""What a file holds, as a digest; known again from size and times, without reading it twice."""

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from nas.files import atomic_write_bytes

Stamp = list[int]
"""Size, time of change of the content and of the file's record in ns, number of the file."""


class DigestMemo:
    """Digests of the files below one folder, kept in a JSON file of the cache."""

    def __init__(self, cache_dir: Path | None, root: Path) -> None:
        place = hashlib.sha256(str(root.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
        self._file = cache_dir / "digests" / f"{place[:32]}.json" if cache_dir else None
        self._known: dict[str, tuple[Stamp, str]] = self._load()

    def digests(self, paths: Sequence[Path]) -> list[str]:
        """Digest of each file, or `missing` where it can't be read or is no plain file."""
        before = len(self._known)
        changed = False
        found = []
        for path in paths:
            stamp = _stamp(path)
            known, digest = self._known.get(str(path), ([], ""))
            if stamp is None:
                digest = "missing"
            elif known != stamp:
                digest = _digest(path)
                # Another user, or a later try, may well read it.
                if digest != "missing":
                    self._known[str(path)] = (stamp, digest)
                    changed = True
            found.append(digest)
        if changed or len(self._known) != before:
            self._save()
        return found

    def _load(self) -> dict[str, tuple[Stamp, str]]:
        if self._file is None:
            return {}
        try:
            entries = json.loads(self._file.read_text("utf-8"))
            return {
                str(path): (list(stamp), str(digest)) for path, (stamp, digest) in entries.items()
            }
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


def _digest(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return "missing"

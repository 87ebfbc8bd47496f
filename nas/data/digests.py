"""What a file holds, as a digest."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from nas.data.file_memo import FileMemo


class DigestMemo:
    """Digests of the files below one folder, remembered in the cache."""

    def __init__(self, cache_dir: Path | None, root: Path) -> None:
        self._memo = FileMemo(cache_dir, root, "digests")

    def digests(self, paths: Sequence[Path]) -> list[str]:
        """Digest of each file, or `missing` where it can't be read or is no plain file."""
        return [digest or "missing" for digest in self._memo.recall(paths, _digest)]


def _digest(path: Path) -> str | None:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return None

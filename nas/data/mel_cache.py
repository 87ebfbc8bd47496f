"""Where spectrograms are kept between runs: a file each, by content and settings."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nas.data.digests import DigestMemo
from nas.data.mel_file import StoredMel, open_mel, write_mel
from nas.data.mel_maker import MelMaker
from nas.data.storage import exclusive

log = logging.getLogger(__name__)


class MelCache:
    """Spectrograms of some files below a folder; of none where it can't be written."""

    def __init__(self, folder: Path, paths: Sequence[Path], maker: MelMaker) -> None:
        self._folder = folder / "spectrograms"
        self._writable = True
        self._files: dict[Path, Path] = {}
        for path, digest in zip(paths, _digests(folder, paths), strict=True):
            # What can't be read now may be there a moment later, under no known digest.
            if digest != "missing":
                name = _name([maker.key(path), digest])
                self._files[path] = self._folder / name[:2] / f"{name}.npy"

    def open(self, path: Path) -> StoredMel | None:
        """The spectrogram of a file, mapped into memory; None where it is absent or damaged."""
        file = self._files.get(path)
        return None if file is None else open_mel(file)

    def keep(self, path: Path, mel: StoredMel) -> StoredMel:
        """The same values, mapped from the cache where they could be put there."""
        file = self._files.get(path)
        if file is None or not self._writable:
            return mel
        try:
            write_mel(file, mel)
        except OSError as error:
            self._give_up(error)
        kept = self.open(path)
        return mel if kept is None else kept

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Of several processes that lack the same spectrograms, one goes in at a time."""
        name = _name(sorted(file.name for file in self._files.values()))
        with ExitStack() as stack:
            try:
                stack.enter_context(exclusive(self._folder / f"{name}.lock"))
            except OSError as error:
                self._give_up(error)
            yield

    def _give_up(self, error: OSError) -> None:
        if self._writable:
            log.warning(
                "%s: the cache can't be written (%s): spectrograms are kept in RAM",
                self._folder.parent,
                error,
            )
        self._writable = False


def _digests(folder: Path, paths: Sequence[Path]) -> list[str]:
    if not paths:
        return []
    root = os.path.commonpath([os.path.abspath(path.parent) for path in paths])
    return DigestMemo(folder, Path(root)).digests(paths)


def _name(key: object) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]

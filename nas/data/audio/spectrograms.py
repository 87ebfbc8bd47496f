"""Spectrograms of recordings, each made once and kept in the shared cache.

One file a recording: a recording that is added or changes its split costs no other one's reading.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from nas.data.audio.decode import UnreadableAudio
from nas.data.audio.mel_file import MelMaker, StoredMel, open_mel, write_mel
from nas.data.audio.preprocess import MelPreprocess
from nas.data.cache import cache_lock, default_cache_dir
from nas.data.digests import MISSING, DigestMemo
from nas.data.files import Progress
from nas.machine import usable_cores

log = logging.getLogger(__name__)


class MelCache:
    """Spectrograms of some files below a folder; of none where it can't be written."""

    def __init__(self, folder: Path, paths: Sequence[Path], maker: MelMaker) -> None:
        self._folder = folder / "spectrograms"
        self._writable = True
        self._files: dict[Path, Path] = {}
        for path, digest in zip(paths, _digests(folder, paths), strict=True):
            # What can't be read now may be there a moment later, under no known digest.
            if digest != MISSING:
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
                stack.enter_context(cache_lock(self._folder / f"{name}.lock"))
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


@dataclass(frozen=True, eq=False)
class Spectrograms:
    """What each file of a list gave."""

    mels: list[StoredMel | None]
    """float16 (bands, frames) in dB, not to be written to; None where the file is unreadable."""
    unreadable: dict[int, str]
    """Reason by position in the list of files."""


def load_spectrograms(
    paths: Sequence[Path],
    preprocess: MelPreprocess,
    bands: int,
    *,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> Spectrograms:
    """Log-mel spectrograms of recordings and of ready-made `.npz` files, in order.

    They come from the cache (`cache_dir`, else $NAS_CACHE or the user's cache folder) where it has
    them whole, else are made, on all cores, and put there. With no such folder, or one that can't
    be written (a warning is logged), they are kept in RAM. Raises NasError for mel settings that
    make no spectrogram.
    """
    maker = MelMaker(preprocess, bands)
    cache = _cache(cache_dir or default_cache_dir(), paths, maker)
    with _pool() as pool:
        mels: list[StoredMel | None] = [None] * len(paths)
        if cache is not None:
            mels = list(pool.map(cache.open, paths))
        missing = [position for position, mel in enumerate(mels) if mel is None]
        unreadable: dict[int, str] = {}
        with cache.filling() if cache is not None and missing else nullcontext():
            made = pool.map(lambda position: _made(paths[position], cache, maker), missing)
            for done, (position, mel) in enumerate(zip(missing, made, strict=True), start=1):
                if isinstance(mel, UnreadableAudio):
                    unreadable[position] = str(mel)
                else:
                    mels[position] = mel
                if on_progress is not None:
                    on_progress(len(paths) - len(missing) + done, len(paths))
    return Spectrograms(mels, unreadable)


def _cache(folder: Path | None, paths: Sequence[Path], maker: MelMaker) -> MelCache | None:
    if folder is None:
        log.warning("no folder for the cache (set NAS_CACHE): spectrograms are kept in RAM")
        return None
    return MelCache(folder, paths, maker)


def _made(path: Path, cache: MelCache | None, maker: MelMaker) -> StoredMel | UnreadableAudio:
    # Another process may have filled the cache while this one waited.
    found = cache.open(path) if cache else None
    if found is not None:
        return found
    try:
        mel = maker(path)
    except UnreadableAudio as error:
        return error
    return cache.keep(path, mel) if cache else mel


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """A thread for each core, whose torch operations take one: more would slow each other down."""
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(
        usable_cores(), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        try:
            yield pool
        finally:
            # Threads that begin later would take over the number set last.
            torch.set_num_threads(threads)

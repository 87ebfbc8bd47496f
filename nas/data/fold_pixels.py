"""X-rays of a split from the arrays of its folds: in whatever split a fold is, it is decoded once.

A cached array belongs to one list of files. That of a training split is made by copying from those
of its folds, which another choice of the test fold, or of the labels, finds there again.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from nas.data.cache import DecodedFiles, decoded_files
from nas.data.decode import SizedPixels
from nas.data.dicom import UnreadableXray
from nas.data.digests import DigestMemo
from nas.data.listed_xray import ListedXray
from nas.data.progress import Progress
from nas.data.xray_maker import XrayMaker

Known = dict[Path, SizedPixels | str]
"""What a file holds, or why it can't be decoded."""


def split_pixels(
    members: Sequence[ListedXray],
    fold_mates: Sequence[ListedXray],
    maker: XrayMaker,
    memo: DigestMemo,
    cache_dir: Path | None,
    on_progress: Progress | None,
) -> DecodedFiles:
    """Pixels of `members`, as `decoded_files` gives them.

    `fold_mates` are all images of the split, of which `members` are some or all.
    """
    by_fold: defaultdict[int | None, list[Path]] = defaultdict(list)
    for item in fold_mates:
        by_fold[item.fold].append(item.path)
    folds, paths = list(by_fold.values()), [item.path for item in members]
    if cache_dir is None or folds == [paths]:
        return decoded_files(paths, maker, memo, cache_dir, on_progress)
    copier = _Copier(maker, folds, memo, cache_dir, on_progress)
    return decoded_files(paths, copier, memo, cache_dir)


@dataclass
class _Copier:
    """Makes the pixels of a file by looking them up in its fold's array; see `PixelMaker`."""

    maker: XrayMaker
    folds: list[list[Path]]
    memo: DigestMemo
    cache_dir: Path
    on_progress: Progress | None
    known: Known = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.maker.shape

    def key(self) -> dict[str, object]:
        return self.maker.key()

    def __call__(self, path: Path) -> SizedPixels:
        with self.lock:  # asked for from several threads, only where the copy is not there yet
            if not self.known:
                for paths in self.folds:
                    self.known |= self._of_fold(paths, done=len(self.known))
        found = self.known[path]
        if isinstance(found, str):
            raise UnreadableXray(found)
        return found

    def _of_fold(self, paths: list[Path], done: int) -> Known:
        def tell(more: int, _: int) -> None:
            if self.on_progress is not None:
                self.on_progress(done + more, sum(map(len, self.folds)))

        decoded = decoded_files(paths, self.maker, self.memo, self.cache_dir, tell)
        rows = iter(zip(decoded.pixels, decoded.original_sizes_N2.tolist(), strict=True))
        known: Known = {}
        for position, path in enumerate(paths):
            reason = decoded.unreadable.get(position)
            if reason is not None:
                known[path] = reason
                continue
            pixels, (height, width) = next(rows)
            known[path] = SizedPixels(pixels, (height, width))
        return known

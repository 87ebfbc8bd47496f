"""Files of a data set and their splits, listed before any is decoded, and loaded by split."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from nas.data.dataset import DataRequest, PreprocessT, SplitT, TaskData
from nas.data.files import first_of
from nas.data.splits import Split
from nas.errors import NasError


class ListedFile(Protocol):
    """A file with its labels, which every kind of data has in its own form."""

    @property
    def key(self) -> str:
        """Path relative to the data set's folder, with forward slashes."""

    @property
    def path(self) -> Path: ...

    @property
    def split(self) -> Split | None: ...


FileT = TypeVar("FileT", bound=ListedFile)


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[FileT]):
    """The files of a data set, each in its split."""

    source: Path
    """What the user named: a folder, a table or a description."""
    root: Path
    """What the keys are relative to."""
    files: tuple[FileT, ...]
    classes: tuple[str, ...]
    made_splits: tuple[Split, ...]
    """Splits that the source does not have, taken from its training split."""
    wrong: tuple[str, ...] = ()
    """`TABLE:LINE: REASON` of rows that can't be used."""
    ignored_files: int = 0
    """Files that are no part of the data set."""

    def members(self, split: Split) -> list[FileT]:
        """The files of a split."""
        return [file for file in self.files if file.split == split]

    @property
    def split_digest(self) -> str:
        """Of which file is in which split, where splits are made: a file more in the folder gives
        other splits. Empty where all are given."""
        if not self.made_splits:
            return ""
        lines = sorted(f"{self.name_of(file)}\n{file.split}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def name_of(self, file: FileT) -> str:
        """What tells a file from the others wherever the data set lies."""
        return file.key


def load_splits(
    request: DataRequest,
    listing: Listing[Any],
    preprocess: PreprocessT,
    read: Callable[[Split, list[str]], SplitT],
) -> TaskData[SplitT, PreprocessT]:
    """The splits that are asked for, each read once.

    `read` gives one of them and puts a line, `PATH: REASON`, into the list for whatever it leaves
    out. Raises NasError for anything left out where the request is strict.
    """
    left_out = list(listing.wrong)
    splits = {split: read(split, left_out) for split in request.splits}
    if request.strict and left_out:
        problem = f"{len(left_out)} unreadable files or rows{first_of(left_out, 5)}"
        raise NasError(problem, file=listing.source)
    return TaskData(
        splits=splits,
        classes=listing.classes,
        source=str(listing.source),
        preprocess=preprocess,
        input=request.input,
        made_splits=listing.made_splits,
        split_digest=listing.split_digest,
        unreadable=tuple(left_out),
        ignored_files=listing.ignored_files,
    )


def as_built_in(data: TaskData[SplitT, PreprocessT], name: str) -> TaskData[SplitT, PreprocessT]:
    """A data set that comes with the program, by its name: its splits are the same everywhere."""
    return replace(data, source=name, made_splits=(), split_digest="")

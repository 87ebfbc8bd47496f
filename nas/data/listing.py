"""Files of a data set and their splits, listed before any is decoded."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from nas.data.splits import Split


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

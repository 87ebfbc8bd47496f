"""Files of a data set: how they are found or described, progress of reading, what is left out."""

import logging
import os
from collections.abc import Callable, Container, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from nas.errors import NasError, did_you_mean
from nas.spec.load import Document, read_document
from nas.spec.validate import Frozen, validate

log = logging.getLogger(__name__)

DESCRIPTION_SUFFIXES = (".yaml", ".yml")
"""Endings of YAML files that describe a data set, in lower case."""
AUDIO_SUFFIXES = (".flac", ".wav", ".ogg", ".opus", ".mp3", ".aiff", ".aif")
"""Endings of recordings, in lower case."""
FileName = Annotated[str, Field(strict=True, min_length=1)]
"""Path of a file or a folder, relative to the file that describes."""
Description = TypeVar("Description", bound=Frozen)
_COMPARED = 2_000
"""Names that one is compared with letter by letter, which is slow."""
Progress = Callable[[int, int], None]
"""Called with the files done and their total; not at all where nothing is left to be read."""


def first_of(reasons: Sequence[str], shown: int = 3) -> str:
    """`: A; B; C; ...` of the first reasons; empty for none."""
    more = "; ..." if len(reasons) > shown else ""
    return f": {'; '.join(reasons[:shown])}{more}" if reasons else ""


def nearest_file(path: Path) -> Path | None:
    """The file that is likely to be meant by a path that is none: with slashes for backslashes, in
    another case, with another ending or none, or of a similar name; None where there is none."""
    place = Path(path.anchor)
    for part in Path(str(path).replace("\\", "/")).relative_to(path.anchor).parts:
        if not (place / part).exists():
            found = _nearest_name(place, part)
            if found is None:
                return None
            part = found
        place /= part
    return place if place.is_file() else None


def _nearest_name(folder: Path, name: str) -> str | None:
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return None
    whole = {other.casefold(): other for other in names}
    stems = {Path(other).stem.casefold(): other for other in names}
    wanted = name.casefold()
    for known, key in ((whole, wanted), (stems, wanted), (stems, Path(wanted).stem)):
        if key in known:
            return known[key]
    return next(iter(get_close_matches(name, names[:_COMPARED], n=1)), None)


class Links:
    """The one rule for symbolic links in a data set's folder, and what they are told of.

    They are followed, to files and to folders, but no folder is entered twice. Links that lead to
    one that is entered already, as a loop does, and links out of the data set's folder are named.
    """

    def __init__(self, root: Path) -> None:
        self._home = os.path.realpath(root)
        self._again: dict[str, None] = {}
        self._outside: dict[str, None] = {}

    def files_below(self, folder: Path) -> list[Path]:
        """All that is no folder, in order; hidden folders and `__MACOSX` are not entered."""
        files: list[Path] = []
        entered: set[tuple[int, int]] = set()
        waiting = [folder]
        while waiting:
            parent = waiting.pop()
            state = os.stat(parent)
            if (state.st_dev, state.st_ino) in entered:
                self._again[self._told(parent)] = None
                continue
            entered.add((state.st_dev, state.st_ino))
            with os.scandir(parent) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
            inner = []
            for entry in found:
                path = Path(parent, entry.name)
                if not entry.is_dir():
                    self.note(path)
                    files.append(path)
                elif not is_hidden(entry.name) and self.enters(path):
                    inner.append(path)
            waiting += reversed(inner)
        return files

    def enters(self, folder: Path) -> bool:
        """Whether `folder` is no link to a folder that it lies in; what is to be told is noted."""
        if not folder.is_symlink():
            return True
        if folder.parent.resolve().is_relative_to(folder.resolve()):
            self._again[self._told(folder)] = None
            return False
        self.note(folder)
        return True

    def note(self, path: Path) -> None:
        """Note a link that leads out of the data set's folder."""
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(self._home):
            self._outside[self._told(path)] = None

    def tell(self) -> None:
        """Warn of what was noted."""
        for links, what in (
            (self._again, "lead to a folder that is read already, and are not followed"),
            (self._outside, "lead out of the folder, and are followed"),
        ):
            if links:
                log.warning(
                    "%s: %d symbolic links %s%s",
                    self._home,
                    len(links),
                    what,
                    first_of(list(links)),
                )

    def _told(self, link: Path) -> str:
        return f"{link} -> {os.path.realpath(link)}"


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is passed over."""
    return name.startswith(".") or name == "__MACOSX"


def visible_files(folder: Path, suffixes: Container[str]) -> tuple[Path, ...]:
    """Those with one of `suffixes`, in lower case with their dot, sorted; hidden ones not."""
    links = Links(folder)
    found = sorted(
        path
        for path in links.files_below(folder)
        if path.suffix.lower() in suffixes and not is_hidden(path.name) and path.is_file()
    )
    links.tell()
    return tuple(found)


def read_described(file: Path, kind: type[Description]) -> tuple[Document, dict[str, Path]]:
    """A YAML file that says where files and tables are, and the place under each of its keys.

    `kind` has a `FileName` for each.

    Raises NasError where there is no such file, for one that is no description, and, with the line,
    for a place that is not there.
    """
    if not file.is_file():
        siblings = [path.name for path in file.parent.iterdir()] if file.parent.is_dir() else []
        raise NasError(f"no such folder or YAML file{did_you_mean(file.name, siblings)}", file=file)
    if file.suffix.lower() not in DESCRIPTION_SUFFIXES:
        raise NasError("not a folder, and not a .yaml file that describes a data set", file=file)
    document = read_document(file)
    places = {
        key: file.parent / name
        for key, name in validate(kind, document).model_dump().items()
        if name is not None
    }
    for key, path in places.items():
        if not path.exists():
            near = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
            raise document.error((key,), f"no such file or folder{did_you_mean(path.name, near)}")
    return document, places

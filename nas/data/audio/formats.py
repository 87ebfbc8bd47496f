"""Which format a table of sounds has, by its columns; and the tables that lie beside recordings."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from nas.data.audio.annotation import EventTable, TableFormat, joined
from nas.data.audio.audacity import is_label_track, read_label_track
from nas.data.audio.audioset_strong import AUDIOSET_STRONG
from nas.data.audio.clips import CLIPS, read_class_folders
from nas.data.audio.dcase import DCASE
from nas.data.audio.raven import RAVEN
from nas.data.files import visible_files
from nas.data.table import table_head, table_lines
from nas.errors import NasError

FORMATS: tuple[TableFormat, ...] = (DCASE, AUDIOSET_STRONG, RAVEN, CLIPS)
"""Those that are known by their columns, the one with the most first."""
TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
"""Endings of tables, in lower case."""
_RFCX = {"recording_id", "species_id", "t_min", "t_max"}


def is_rfcx(table: Path) -> bool:
    """Whether a file has RFCX's columns, or is meant to: has two of them."""
    return table.is_file() and len(_RFCX & set(table_head(table))) >= 2


def is_annotation(table: Path) -> bool:
    """Whether a file is a table of sounds in a format that is read. Raises NasError for no text."""
    head = table_head(table)
    return set(head) >= _RFCX or any(not form.lacks(head) for form in FORMATS) or _is_track(table)


def read_annotations(place: Path, files: Mapping[str, Path]) -> EventTable:
    """What a table says, or the tables beside the recordings of a folder, or its class folders.

    `files` are the recordings by id. Raises NasError, with what is missing, for a table of no
    format that is known.
    """
    if not place.is_dir():
        return _read(place, "")
    beside = [(table, name) for table, name in _beside(place, files) if is_annotation(table)]
    if beside:
        return joined(_read(table, name) for table, name in beside)
    return read_class_folders(place, files)


def _read(table: Path, recording: str) -> EventTable:
    head = table_head(table)
    for form in FORMATS:
        if not form.lacks(head):
            return form.read(table, head, recording)
    if _is_track(table):
        if not recording:
            raise NasError(
                "a label track names no recording: name the folder of the recordings in its place, "
                "with a track beside each",
                file=table,
            )
        return read_label_track(table, recording)
    raise _unknown(table, head)


def _is_track(table: Path) -> bool:
    return is_label_track(next(table_lines(table), (1, ""))[1])


def _unknown(table: Path, head: list[str]) -> NasError:
    """What the nearest format lacks."""
    nearest = max(FORMATS, key=lambda form: len(form.parts) / (1 + 2 * len(form.lacks(head))))
    lacking = nearest.lacks(head)
    shown = ", ".join(repr(name) for name in head[:12] if name) or "an empty line"
    near = get_close_matches(lacking[0], head, n=1)
    hint = f" (is it {near[0]!r}?)" if near else ""
    others = ", ".join(["RFCX", *(form.name for form in FORMATS), "Audacity labels"])
    problem = (
        f"no table of sounds that is known: it has {shown}; as {nearest.name} it lacks "
        f"{', '.join(map(repr, lacking))}{hint}; read are {others}"
    )
    return NasError(problem, file=table, line=1)


def _beside(folder: Path, files: Mapping[str, Path]) -> list[tuple[Path, str]]:
    """Tables that are named after a recording in their folder, and its id: `dawn.txt`,
    `dawn.Table.1.selections.txt`, `dawn_labels.txt`."""
    by_place: dict[tuple[Path, str], str] = {
        (path.parent, path.stem): name for name, path in files.items()
    }
    found = []
    for table in visible_files(folder, TABLE_SUFFIXES):
        places = [(table.parent, stem) for stem in _beginnings(table.stem)]
        if name := next((by_place[place] for place in places if place in by_place), None):
            found.append((table, name))
    return found


def _beginnings(stem: str) -> Iterator[str]:
    """The whole, and what stands before each mark in it, the longest first."""
    yield stem
    yield from (stem[:end] for end in range(len(stem) - 1, 0, -1) if stem[end] in "._- ")

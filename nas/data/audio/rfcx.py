"""Tables of the RFCX data set: species, true and false positives, labelled recordings.

Format: kaggle.com/c/rfcx-species-audio-detection, `train_tp.csv` and `train_fp.csv`.
"""

import math
from collections.abc import Mapping
from pathlib import Path

from nas.data.audio.annotation import EventTable
from nas.data.audio.dataset import EventRow
from nas.data.table import read_rows
from nas.errors import NasError, did_you_mean

SpeciesId = int | str
"""Of a class in the tables: its number, or its name."""


def read_species(table: Path) -> dict[SpeciesId, str]:
    """Name of each species by its number, in the order of the numbers.

    Raises NasError, with the line, for a number that is none and for one or a name given twice.
    """
    names: dict[SpeciesId, str] = {}
    for line, cells in read_rows(table, required=("species_id", "name"), optional=()):
        number = _whole(cells["species_id"])
        if number is None or number < 0:
            problem = f"{cells['species_id']!r} is not a whole number from 0"
            raise NasError(problem, file=table, line=line, key="species_id")
        if number in names:
            problem = f"species {number} is named twice"
            raise NasError(problem, file=table, line=line, key="species_id")
        if not cells["name"] or cells["name"] in names.values():
            problem = f"{cells['name']!r} names two species" if cells["name"] else "no name"
            raise NasError(problem, file=table, line=line, key="name")
        names[number] = cells["name"]
    return dict(sorted(names.items(), key=lambda item: int(item[0])))


def species_in(table: Path) -> dict[SpeciesId, str]:
    """`s0`, `s1`, ... of the numbers that a table of events holds: RFCX's own 24 have no names.

    Where none of the ids is a number, they are the names.
    """
    cells = {row["species_id"] for _, row in read_rows(table, ("species_id",), optional=())}
    numbers = {_whole(cell) for cell in cells} - {None}
    if not numbers:
        return {name: name for name in sorted(cells) if name}
    return {
        number: f"s{number}" for number in sorted(n for n in numbers if n is not None and n >= 0)
    }


def read_events(table: Path, species: Mapping[SpeciesId, str]) -> EventTable:
    """The rows of a table of events; wrong ones are named and left out.

    Raises NasError only for a file that is no such table.
    """
    rows: list[EventRow] = []
    wrong: list[str] = []
    required = ("recording_id", "species_id", "t_min", "t_max")
    optional = ("songtype_id", "f_min", "f_max")
    for line, cells in read_rows(table, required, optional):
        place = f"{table.name}:{line}"
        try:
            rows.append(_event(cells, species, place))
        except ValueError as error:
            wrong.append(f"{place}: {error}")
    return EventTable(tuple(rows), tuple(wrong))


def read_labelled_recordings(table: Path) -> dict[str, int]:
    """Line of each recording that `test_labels.csv` names: those that were listened to."""
    rows = read_rows(table, required=("recording_id",), optional=())
    return {cells["recording_id"]: line for line, cells in rows if cells["recording_id"]}


def _event(cells: Mapping[str, str], species: Mapping[SpeciesId, str], place: str) -> EventRow:
    """Raises ValueError, in words for the user, for a row that can't be used."""
    if not cells["recording_id"]:
        raise ValueError("no recording_id in this row")
    whole = _whole(cells["species_id"])
    number: SpeciesId = cells["species_id"] if whole is None else whole
    if number not in species:
        near = did_you_mean(cells["species_id"], map(str, species)) if len(species) <= 50 else ""
        raise ValueError(f"no species {cells['species_id']!r}{near}")
    t_min_s, t_max_s = _number(cells, "t_min"), _number(cells, "t_max")
    if t_min_s is None or t_max_s is None:
        raise ValueError("t_min and t_max must both be given")
    if not 0 <= t_min_s < t_max_s:
        raise ValueError(f"t_min {t_min_s:g} and t_max {t_max_s:g} are not 0 <= t_min < t_max")
    songtype = _whole(cells["songtype_id"] or "1")
    if songtype is None:
        raise ValueError(f"songtype_id {cells['songtype_id']!r} is not a whole number")
    return EventRow(
        cells["recording_id"],
        species[number],
        t_min_s,
        t_max_s,
        _number(cells, "f_min"),
        _number(cells, "f_max"),
        songtype,
        place,
    )


def _number(cells: Mapping[str, str], column: str) -> float | None:
    """The cell's number, None where it is empty. Raises ValueError for anything else."""
    if not cells[column]:
        return None
    try:
        value = float(cells[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{column} {cells[column]!r} is not a number")
    return value


def _whole(cell: str) -> int | None:
    """The whole number of a cell, `3` or `3.0` (as pandas writes a column with a gap)."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None

"""What tables of sounds say: rows of events, read by the columns of their format."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nas.data.audio.dataset import EventRow
from nas.data.table import read_rows

WHOLE_CLIP = math.inf
"""End of an event of which only the clip is known that it is in."""


@dataclass(frozen=True)
class EventTable:
    """The rows of a table that can be used, and `TABLE:LINE: REASON` of each that can't."""

    rows: tuple[EventRow, ...]
    wrong: tuple[str, ...]
    named: tuple[str, ...] = ()
    """Recordings that the table names, those in which nothing sounds among them."""
    timed: bool = True
    """Whether it says when a class sounds, not only in which clip."""


Cells = Mapping[str, str]
"""A row's cells by what they are: `recording`, `label`, `onset`, ..."""


@dataclass(frozen=True)
class TableFormat:
    """A format of annotations, known by its columns.

    Each part of a row is looked for under several names, in lower case; the first that is there
    counts.
    """

    name: str
    parts: Mapping[str, Sequence[str]]
    """Names of the columns that it must have, by what they are."""
    events: Callable[[Cells, str], Iterable[EventRow]]
    """The events of a row at a place, `TABLE:LINE`; none where nothing sounds. Raises ValueError,
    in words for the user, for a row that can't be used."""
    optional: Mapping[str, Sequence[str]] = field(default_factory=dict)
    timed: bool = True

    def lacks(self, head: Sequence[str]) -> list[str]:
        """The columns that it needs and `head` has under none of their names, the first of each."""
        return [names[0] for names in self.parts.values() if not set(names) & set(head)]

    def read(self, table: Path, head: Sequence[str], recording: str = "") -> EventTable:
        """The table's rows; wrong ones are named and left out.

        `recording` is the one that a table speaks of that names none.
        """
        places = {
            part: next((name for name in names if name in head), None)
            for part, names in {**self.parts, **self.optional}.items()
        }
        columns = tuple(name for name in places.values() if name is not None)
        rows: list[EventRow] = []
        wrong: list[str] = []
        named: dict[str, None] = {}
        for line, found in read_rows(table, columns, ()):
            cells = {part: found[name] if name else "" for part, name in places.items()}
            cells["recording"] = cells.get("recording") or recording
            place = f"{table.name}:{line}"
            try:
                if not cells["recording"]:
                    raise ValueError("names no recording")
                rows += self.events(cells, place)
                named[cells["recording"]] = None
            except ValueError as error:
                wrong.append(f"{place}: {error}")
        return EventTable(tuple(rows), tuple(wrong), tuple(named), self.timed)


def joined(tables: Iterable[EventTable]) -> EventTable:
    """All of several tables."""
    parts = list(tables)
    return EventTable(
        tuple(row for part in parts for row in part.rows),
        tuple(line for part in parts for line in part.wrong),
        tuple(dict.fromkeys(name for part in parts for name in part.named)),
        all(part.timed for part in parts),
    )


def timed_event(cells: Cells, place: str) -> EventRow:
    """The event of `recording`, `label`, `onset` and `offset`. Raises ValueError in words."""
    if not cells["label"]:
        raise ValueError("names no class")
    onset_s, offset_s = seconds(cells["onset"], "onset"), seconds(cells["offset"], "offset")
    if not 0 <= onset_s < offset_s:
        raise ValueError(f"{onset_s:g} to {offset_s:g} s is not 0 <= onset < offset")
    return EventRow(cells["recording"], cells["label"], onset_s, offset_s, place=place)


def clip_event(recording: str, label: str, place: str) -> EventRow:
    """A class that is somewhere in a clip."""
    return EventRow(recording, label, 0.0, WHOLE_CLIP, place=place)


def shifted(row: EventRow, seconds_later: float) -> EventRow:
    """The same event, later."""
    return replace(row, t_min_s=row.t_min_s + seconds_later, t_max_s=row.t_max_s + seconds_later)


def seconds(cell: str, what: str) -> float:
    """The number of a cell, with a decimal comma too. Raises ValueError for anything else."""
    try:
        value = float(cell.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{what} {cell!r} is not a number")
    return value

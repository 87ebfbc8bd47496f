"""Tables of pictures with any number of labels each: a cell that lists them, or a column a class.

Listed: `path,label` with `Mass|Nodule` in a cell (NIH ChestX-ray14: `Image Index,Finding Labels`);
an empty cell and `No Finding` are a picture without a label. A column a class: 1 for present, 0 or
an empty cell for absent, -1 for unknown (CheXpert, whose own baselines take blanks for absent too).
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.image.source import ImageFile, split_named
from nas.data.table import column_names, read_rows
from nas.errors import NasError
from nas.text_table import plain_name

PATHS = ("path", "image index", "image", "file", "filename", "file_name")
"""Columns that name the picture, the first that is there."""
LISTS = ("label", "labels", "finding labels")
"""Columns that list a picture's labels."""
GROUPS = ("group", "patient id", "patient_id")
"""Columns of what no split may part."""
NO_LABEL = "no finding"
SEPARATOR = "|"
_MARKS = {"": -1, "0": -1, "0.0": -1, "1": 1, "1.0": 1, "-1": 0, "-1.0": 0}
"""Cells of a class's column: 1 present, -1 absent, 0 unknown, as targets are."""
_LOOKED_AT = 10_000
"""Rows that tell whether a table is one of many labels."""


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Pictures of a table and their labels."""

    files: tuple[ImageFile, ...]
    """Sorted by key; their own `label` is none."""
    classes: tuple[str, ...]
    marks_NK: NDArray[np.int8]
    """1 present, -1 absent, 0 unknown."""
    passed_over: tuple[str, ...]
    """Columns that are no class."""


@dataclass(frozen=True)
class _Columns:
    """Names of a table's columns, in lower case as rows have them."""

    path: str
    listed: str | None
    group: str | None
    others: tuple[str, ...]
    """Those that may be classes."""
    shown: dict[str, str]
    """As the table writes them."""

    @property
    def all(self) -> tuple[str, ...]:
        """What is read of each row."""
        named = (self.path, self.listed, self.group, "split")
        return (*(name for name in named if name), *self.others)


def has_many_labels(table: Path) -> bool:
    """Whether a CSV file has a cell that lists several labels, or a column a class."""
    try:
        columns = _columns(table)
        rows = islice(_rows(table, columns), _LOOKED_AT)
        if columns.listed is not None:
            return any(SEPARATOR in row[columns.listed] for _, row in rows)
        return bool(_class_columns(table, columns, list(rows)))
    except NasError:
        return False


def read_label_table(table: Path) -> LabelTable:
    """The pictures of a table, whose paths are relative to its folder, and their labels.

    A path that is listed again with the same labels is one picture. Raises NasError, with the
    line, for a missing column, a row without a path, an unknown split, a path with other labels, a
    cell of a class's column that is none of 1, 0, -1 and blank, and for no label at all.
    """
    columns = _columns(table)
    rows = list(_rows(table, columns))
    if columns.listed is not None:
        passed_over = columns.others
        named = [_listed(row[columns.listed]) for _, row in rows]
        classes = tuple(sorted({name for names in named for name in names}))
        marks = [dict.fromkeys(names, 1) for names in named]
    else:
        found = _class_columns(table, columns, rows)
        passed_over = tuple(name for name in columns.others if name not in found)
        classes = tuple(columns.shown[name] for name in found)
        marks = [{columns.shown[name]: _MARKS[row[name]] for name in found} for _, row in rows]
    if not classes:
        raise NasError(
            f"no label in it; allowed: a column {LISTS[0]!r} whose cells list labels with "
            f"{SEPARATOR!r}, or a column a class with 1, 0, -1 (unknown) or nothing",
            file=table,
        )
    files = _files(table, columns, rows, marks)
    number = {name: k for k, name in enumerate(classes)}
    marks_NK = np.full((len(files), len(classes)), -1, np.int8)
    for n, (_, own) in enumerate(files):
        for name, mark in own.items():
            marks_NK[n, number[name]] = mark
    shown = tuple(columns.shown[name] for name in passed_over)
    return LabelTable(tuple(file for file, _ in files), classes, marks_NK, shown)


def _columns(table: Path) -> _Columns:
    shown = {name.lower(): plain_name(name) for name in column_names(table) if name}
    path = next((name for name in PATHS if name in shown), None)
    if path is None:
        allowed = ", ".join(map(repr, PATHS))
        problem = f"no column of paths in the first line; allowed: {allowed}"
        raise NasError(problem, file=table, line=1)
    listed = next((name for name in LISTS if name in shown), None)
    group = next((name for name in GROUPS if name in shown), None)
    others = tuple(name for name in shown if name not in (path, listed, group, "split"))
    return _Columns(path, listed, group, others, shown)


def _rows(table: Path, columns: _Columns) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row, which names a path."""
    for line, row in read_rows(table, (columns.path,), columns.all[1:]):
        if not row[columns.path] or "\0" in row[columns.path]:
            raise NasError("no path in this row", file=table, line=line, key=columns.path)
        yield line, row


def _listed(cell: str) -> tuple[str, ...]:
    names = dict.fromkeys(plain_name(part.strip()) for part in cell.split(SEPARATOR))
    return tuple(name for name in names if name and name.lower() != NO_LABEL)


def _class_columns(
    table: Path, columns: _Columns, rows: Sequence[tuple[int, dict[str, str]]]
) -> tuple[str, ...]:
    """Columns of marks in which a class is present somewhere.

    Raises NasError for one in which most cells are marks and another is not: a slip of the pen.
    """
    found = []
    for name in columns.others:
        cells = [row[name] for _, row in rows]
        wrong = [place for place, cell in enumerate(cells) if cell not in _MARKS]
        written = sum(1 for cell in cells if cell)
        if not wrong and any(_MARKS[cell] == 1 for cell in cells):
            found.append(name)
        elif wrong and 10 * len(wrong) < written:
            problem = f"{cells[wrong[0]]!r} is no mark; allowed: 1, 0, -1 (unknown), nothing"
            line = rows[wrong[0]][0]
            raise NasError(problem, file=table, line=line, key=columns.shown[name])
    return tuple(found)


def _files(
    table: Path,
    columns: _Columns,
    rows: Sequence[tuple[int, dict[str, str]]],
    marks: Sequence[dict[str, int]],
) -> list[tuple[ImageFile, dict[str, int]]]:
    """Each picture once with its marks, sorted by key."""
    found: dict[str, tuple[ImageFile, dict[str, int], int]] = {}
    for (line, row), own in zip(rows, marks, strict=True):
        path = table.parent / row[columns.path]
        group = row[columns.group] if columns.group is not None else ""
        split = split_named(row.get("split", ""), table, line)
        file = ImageFile(Path(row[columns.path]).as_posix(), path, "", split, group or None)
        place = os.path.abspath(path)
        earlier, known, first = found.setdefault(place, (file, own, line))
        if known != own or (earlier.split, earlier.group) != (split, file.group):
            problem = (
                f"{row[columns.path]!r} is in line {first} already, with other labels, another "
                "split or another group; keep one of the two lines"
            )
            raise NasError(problem, file=table, line=line, key=columns.shown[columns.path])
    return sorted(((file, own) for file, own, _ in found.values()), key=lambda item: item[0].key)

"""Rows of cells, and the figures of metrics in them, as plain text and as CSV; what a terminal or
a spreadsheet would obey is made harmless."""

import csv
import io
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

UNKNOWN = "-"
"""Stands where nothing can be said."""

_COMMANDS = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
"""Control characters, and those that turn the direction of what is shown."""

_ESCAPES = {code: f"\\u{code:04x}" for code in _COMMANDS}
_ESCAPES_OF_TEXT = {code: text for code, text in _ESCAPES.items() if chr(code) not in "\n\t"}


def plain_name(name: str) -> str:
    """The name of a file or a class without what no text, or no line, holds.

    Bytes that are no UTF-8 become `\\xff`, control characters `\\u001b`.
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace").translate(_ESCAPES)


def plain_text(text: str) -> str:
    """Lines without control characters but tabs; `\\u001b`, as JSON has them, in their place.

    So are halves of surrogate pairs, which stand for bytes that are no UTF-8 in names of files.
    """
    return text.translate(_ESCAPES_OF_TEXT).encode("utf-8", "backslashreplace").decode("utf-8")


_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.ASCII)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV table with its head, None as an empty cell.

    A text that a spreadsheet would take for a formula, as it begins with `=`, `+`, `-`, `@`, a tab
    or a carriage return and is no number, gets an apostrophe before it, and so does one that begins
    with apostrophes before such a character: `csv_cell_read` gives every text back as it was.
    """
    return "".join(_csv_line(row) for row in (columns, *rows))


def _csv_line(row: Sequence[object]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(map(_csv_cell, row))  # quotes both in cells
    return line.getvalue().removesuffix("\r\n") + "\n"


def _csv_cell(value: object) -> object:
    if not isinstance(value, str) or not _FORMULA.match(value) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def csv_cell_read(cell: str) -> str:
    """The text that `csv_text` wrote as this cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


MOST_CLASSES = 60
"""Most classes that have a line each."""


def shown_classes(values: Sequence[float]) -> tuple[list[int], list[str]]:
    """Positions of the classes that have a line each, and a line on the others.

    All, in their order; of many those with the lowest values, lowest first.
    """
    if len(values) <= MOST_CLASSES:
        return list(range(len(values))), []
    lowest = sorted(range(len(values)), key=values.__getitem__)[:MOST_CLASSES]
    return lowest, [f"... and {len(values) - MOST_CLASSES} classes above these"]


def aligned(rows: Sequence[Sequence[str]], left: Collection[int]) -> list[str]:
    """A line a row, columns two spaces apart; the columns in `left` are flush left, others right.

    Every row has the same number of cells.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def metric_text(value: float | None) -> str:
    """Four decimals."""
    return UNKNOWN if value is None else f"{value:.4f}"


def interval_text(interval: Sequence[float] | None) -> str:
    """`0.5000 to 0.7000`, or a dash."""
    if interval is None:
        return UNKNOWN
    low, high = interval
    return f"{metric_text(low)} to {metric_text(high)}"


def share_text(part: int, whole: int) -> str:
    """Part of a whole with four decimals; a dash for a part of nothing."""
    return metric_text(part / whole if whole else None)


def figure_table(values: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    """A line a figure with its interval, which `values` has under `NAME_ci95`."""
    rows = [("figure", "value", "95 % interval")]
    rows += [
        (title, metric_text(values[name]), interval_text(values[f"{name}_ci95"]))
        for name, title in titles.items()
    ]
    return aligned(rows, left=(0, 2))

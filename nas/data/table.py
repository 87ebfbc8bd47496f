"""Tables of data sets: CSV files in UTF-8, read a row at a time with their lines, or written."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

from nas.errors import NasError, did_you_mean
from nas.files import atomic_write_text
from nas.text_table import csv_cell_read, csv_text


def read_rows(
    table: Path, required: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells, stripped, of each row; a missing optional cell is empty.

    Cells are parted by commas, semicolons or tabs, by what the first line has most of. An
    apostrophe before what a spreadsheet would take for a formula is passed over (`csv_text`).
    Other columns are passed over. Raises NasError for a file that is no UTF-8 table, for a missing
    column and for one that is there twice, and for a row that goes on in the next line: a quote
    that is left open would hide all rows up to the next one.
    """
    try:
        with open(table, encoding="utf-8-sig", newline="") as stream:
            rows = _single_lines(table, stream)
            _, head = next(rows, (1, []))
            places = _columns(table, head, required, optional)
            for line, row in rows:
                if row:
                    cells = dict.fromkeys((*required, *optional), "")
                    cells |= {
                        name: csv_cell_read(row[place].strip())
                        for name, place in places.items()
                        if place < len(row)
                    }
                    yield line, cells
    except OSError as error:
        raise NasError(f"can't be read as a CSV file in UTF-8: {error}", file=table) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(table) from error


def column_names(table: Path) -> tuple[str, ...]:
    """Cells of the first line, stripped. Raises NasError for a file that is no UTF-8 table."""
    try:
        with open(table, encoding="utf-8-sig", newline="") as stream:
            _, head = next(_single_lines(table, stream), (1, []))
    except OSError as error:
        raise NasError(f"can't be read as a CSV file in UTF-8: {error}", file=table) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(table) from error
    return tuple(map(str.strip, head))


def read_file_rows(
    table: Path, required: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """As `read_rows`; raises NasError for a row without a path too."""
    for line, cells in read_rows(table, required, optional):
        if not cells["path"]:
            raise NasError("no path in this row", file=table, line=line, key="path")
        if "\0" in cells["path"]:
            problem = f"{cells['path']!r} holds a NUL, which no path can"
            raise NasError(problem, file=table, line=line, key="path")
        yield line, cells


def _read_groups(table: Path, root: Path) -> dict[str, str]:
    """Group of each file by its key; the table's paths are relative to `root` or absolute."""
    groups: dict[str, str] = {}
    for line, row in read_file_rows(table, required=("path", "group"), optional=()):
        path = Path(row["path"])
        key = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
        if groups.setdefault(key, row["group"]) != row["group"]:
            raise NasError(f"{row['path']!r} is in two groups", file=table, line=line, key="group")
    return groups


def groups_of(table: Path, root: Path, keys: Sequence[str], noun: str) -> list[str | None]:
    """Group of each file by its key; None where the cell is empty.

    Raises NasError, in which the files are `noun`, for a table that does not name every file.
    """
    groups = _read_groups(table, root)
    missing = [key for key in keys if key not in groups]
    if missing:
        raise NasError(
            f"{len(missing)} of {len(keys)} {noun} have no row, first {missing[0]!r}"
            f"{did_you_mean(missing[0], list(groups)[:1000])} (an empty group stands for a group "
            "of its own)",
            file=table,
        )
    return [groups[key] or None for key in keys]


def _single_lines(table: Path, stream: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row, empty lines too."""
    parted_by = delimiter_of(stream.readline())
    stream.seek(0)
    rows = csv.reader(stream, strict=True, delimiter=parted_by)
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise NasError(
                f"no row of a CSV file ({error}); is a quote left open?", file=table, line=line
            ) from error
        if row is None:
            return
        if rows.line_num > line:
            problem = f"a row that ends in line {rows.line_num} only; is a quote left open?"
            raise NasError(problem, file=table, line=line)
        yield line, row


def delimiter_of(head: str) -> str:
    """What parts the cells of a table with that first line: a comma, a semicolon or a tab."""
    return max(",;\t", key=head.count)


def table_head(table: Path) -> list[str]:
    """The cells of the first line, stripped and in lower case. Raises NasError as `read_rows`."""
    _, text = next(table_lines(table), (1, ""))
    return [cell.strip().strip('"').lower() for cell in text.split(delimiter_of(text))]


def table_lines(table: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not empty. Raises NasError for what is no UTF-8 text."""
    try:
        with open(table, encoding="utf-8-sig") as stream:
            for line, text in enumerate(stream, start=1):
                if text.strip():
                    yield line, text.rstrip("\n")
    except OSError as error:
        raise NasError(f"can't be read as a table in UTF-8: {error}", file=table) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(table) from error


def _not_utf8(table: Path) -> NasError:
    """The line of the first byte that is none; the decoder's own places are those in a part."""
    content = table.read_bytes()
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = len(re.split(rb"\r\n|\r|\n", content[: error.start]))
        why = f"{error.reason} 0x{content[error.start]:02x}"
        problem = f"can't be read as a CSV file in UTF-8: {why}"
        return NasError(problem, file=table, line=line)
    return NasError("can't be read as a CSV file in UTF-8: it has changed", file=table)


def _columns(
    table: Path, head: Sequence[str], required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, int]:
    """Place of each column that is read and is there."""
    names = [name.strip().lower() for name in head]
    for name in required:
        if name not in names:
            if not any(names):
                problem = f"no column {name!r} in the first line, which is empty"
                raise NasError(problem, file=table, line=1)
            others = [cell for cell in map(str.strip, head) if cell.lower() not in required]
            problem = f"no column {name!r} in the first line{_of_file(name, others)}"
            raise NasError(problem, file=table, line=1)
    for name in (*required, *optional):
        if names.count(name) > 1:
            raise NasError(f"{names.count(name)} columns {name!r}; keep one", file=table, line=1)
    return {name: names.index(name) for name in (*required, *optional) if name in names}


def _of_file(missing: str, others: Sequence[str]) -> str:
    """The column that is likely to be meant by `missing`, else the first of those that are there
    and not required."""
    lowered = {name.lower(): name for name in others if name}
    if near := get_close_matches(missing, list(lowered), n=1):
        return f"; the file has {lowered[near[0]]!r}"
    return f"; the file has {', '.join(map(repr, list(lowered.values())[:20]))}" if lowered else ""


def write_table(table: Path, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a CSV table with its head, atomically."""
    atomic_write_text(table, csv_text(columns, rows))

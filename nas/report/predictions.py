"""Predictions as text: JSON, or CSV tables.

A value that is a list of mappings is a table of its own, with a row an entry and the file before
it: the events of a recording. The task says which there are (`Task.prediction_tables`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from nas.errors import NasError, did_you_mean
from nas.files import is_plain
from nas.tasks.base import Prediction
from nas.text_table import csv_text, plain_name

Row = dict[str, Any]
Tables = Mapping[str, Sequence[str]]
"""Columns by the table's name."""


def prediction_texts(
    predictions: Sequence[Prediction],
    form: Literal["json", "csv"],
    table: str | None,
    tables: Tables,
) -> dict[str, str]:
    """Texts by table, the main one under an empty name; JSON is one text for all.

    With `table` that one alone is the main one. Raises NasError if there is none of that name.
    """
    if table is not None:
        rows = _entries(predictions, _checked(table, tables))
        return {"": _json(rows) if form == "json" else _csv(rows, ("file", *tables[table]))}
    if form == "json":
        return {"": _json([_whole(item) for item in predictions])}
    rows = [_flat(item, tables) for item in predictions]
    columns = dict.fromkeys(["file", *(key for row in rows for key in row)])
    columns.pop("error", None)  # behind all others
    entries = {
        name: _csv(_entries(predictions, name), ("file", *own)) for name, own in tables.items()
    }
    return {"": _csv(rows, (*columns, "error")), **entries}


def prediction_files(out: Path, tables: Iterable[str]) -> dict[str, Path]:
    """File of each table, `out` itself last under an empty name: x.events.csv beside x.csv or x.

    A device or a pipe has nothing beside it. Raises NasError, before anything is predicted, for
    what can't be written.
    """
    name = out.stem if out.suffix.lower() == ".csv" else out.name
    try:
        beside = tables if is_plain(out) else ()
        places = {table: out.with_name(f"{name}.{table}.csv") for table in beside} | {"": out}
        for place in places.values():
            is_plain(place)
    except IsADirectoryError as error:
        raise NasError("is a folder; name a file", file=error.filename, key="--out") from None
    except OSError as error:
        raise NasError(f"can't be written: {error.strerror}", file=out, key="--out") from error
    return places


def _checked(table: str, tables: Tables) -> str:
    if table not in tables:
        near = did_you_mean(table, tables) if tables else "; this task has none"
        raise NasError(f"no table {table!r}{near}", key="--table")
    return table


def _entries(predictions: Sequence[Prediction], table: str) -> list[Row]:
    return [
        {"file": plain_name(item.file), **entry}
        for item in predictions
        for entry in item.values.get(table, [])
    ]


def _whole(item: Prediction) -> Row:
    values = item.values if item.error is None else {"error": item.error}
    return {"file": plain_name(item.file), **values}


def _flat(item: Prediction, tables: Tables) -> Row:
    """A row a file; mappings are spread as `name:key`, tables left out."""
    row: Row = {"file": plain_name(item.file)}
    for name, value in item.values.items():
        if isinstance(value, dict):
            row |= {f"{name}:{key}": part for key, part in value.items()}
        elif name not in tables:
            row[name] = value
    return {**row, "error": item.error or ""}


def _json(rows: list[Row]) -> str:
    return json.dumps(rows, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _csv(rows: list[Row], columns: Sequence[str]) -> str:
    return csv_text(columns, ([row.get(column, "") for column in columns] for row in rows))

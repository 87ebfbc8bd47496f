"""Predictions as text: JSON, or CSV tables.

A value that is a list of mappings is a table of its own, with a row an entry and the file before
it: the events of a recording.
"""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Literal

from nas.errors import NasError, did_you_mean
from nas.tasks.base import Prediction

Row = dict[str, Any]


def written(
    predictions: Sequence[Prediction], form: Literal["json", "csv"], table: str | None
) -> dict[str, str]:
    """Texts by table, the main one under an empty name; JSON is one text for all.

    With `table` that one alone is the main one. Raises NasError if there is none of that name.
    """
    if table is not None:
        rows = _entries(predictions, _checked(predictions, table))
        return {"": _json(rows) if form == "json" else _csv(rows)}
    if form == "json":
        return {"": _json([_whole(item) for item in predictions])}
    tables = {name: _csv(_entries(predictions, name)) for name in _tables(predictions)}
    return {"": _csv([_flat(item) for item in predictions], last="error"), **tables}


def _tables(predictions: Sequence[Prediction]) -> list[str]:
    """Names of the values that are tables."""
    names = [name for item in predictions for name, value in item.values.items() if _many(value)]
    return list(dict.fromkeys(names))


def _many(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _checked(predictions: Sequence[Prediction], table: str) -> str:
    names = _tables(predictions)
    readable = any(item.error is None for item in predictions)
    if readable and table not in names:
        near = did_you_mean(table, names) if names else "; this task has none"
        raise NasError(f"no table {table!r}{near}", key="--table")
    return table


def _entries(predictions: Sequence[Prediction], table: str) -> list[Row]:
    return [
        {"file": item.file, **entry} for item in predictions for entry in item.values.get(table, [])
    ]


def _whole(item: Prediction) -> Row:
    values = item.values if item.error is None else {"error": item.error}
    return {"file": item.file, **values}


def _flat(item: Prediction) -> Row:
    """A row a file; mappings are spread as `name:key`, tables left out."""
    row: Row = {"file": item.file}
    for name, value in item.values.items():
        if isinstance(value, dict):
            row |= {f"{name}:{key}": part for key, part in value.items()}
        elif not _many(value):
            row[name] = value
    return {**row, "error": item.error or ""}


def _json(rows: list[Row]) -> str:
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _csv(rows: list[Row], last: str | None = None) -> str:
    """A column a key, in the order in which they come; `last` behind all others."""
    columns = list(dict.fromkeys(["file", *(key for row in rows for key in row if key != last)]))
    text = io.StringIO()
    fields = columns if last is None else [*columns, last]
    writer = csv.DictWriter(text, fields, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()

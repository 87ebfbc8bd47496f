"""The table of trials as a person's own program would read it."""

import csv
from collections.abc import Sequence
from pathlib import Path

from nas.runs.records import TrialRecord
from nas.text_table import csv_cell_read


def read_trials_csv(
    path: Path, metric: str, further: Sequence[str] = ()
) -> tuple[TrialRecord, ...]:
    """The records of a `trials.csv`; `further` are the columns of costs beside MACs and parameters.

    Raises KeyError for a table without the columns of this metric.
    """
    with path.open(newline="", encoding="utf-8") as stream:
        return tuple(_record(row, metric, further) for row in csv.DictReader(stream))


def _record(row: dict[str, str], metric: str, further: Sequence[str]) -> TrialRecord:
    costs = {name: int(row[name]) for name in ("macs", "parameters") if row[name]}
    return TrialRecord(
        number=int(row["number"]),
        state=row["state"],
        costs=costs | {name: float(row[name]) for name in further if row[name]},
        metric=_number(row[metric]),
        architecture_hash=row["architecture_hash"] or None,
        seconds=_number(row["seconds"]),
        reason=csv_cell_read(row["reason"]) or None,
        predicted=_number(row[f"predicted_{metric}"]),
        epochs=int(row["epochs"]) if row["epochs"] else None,
    )


def _number(cell: str) -> float | None:
    return float(cell) if cell else None

"""The trials of a search as records, and the table that they are written to."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from nas.errors import NasError
from nas.files import atomic_write_text

TrialState = Literal["trained", "stopped", "duplicate", "over_budget", "failed", "running"]

_STATES: dict[str, TrialState] = {name: name for name in get_args(TrialState)}

TRIAL_COLUMNS = (
    "number",
    "state",
    "macs",
    "parameters",
    "macro_f1",
    "architecture_hash",
    "seconds",
    "reason",
    "predicted_macro_f1",
    "epochs",
)

"""In this order; columns are added at the end."""

_FIELDS = {"predicted_macro_f1": "predicted"}
"""Fields of a record whose column has another name."""


@dataclass(frozen=True)
class TrialRecord:
    """What is known of one trial; None where it is not known."""

    number: int
    state: TrialState
    macs: int | None = None
    parameters: int | None = None
    macro_f1: float | None = None
    architecture_hash: str | None = None
    seconds: float | None = None
    """Wall-clock seconds of training and evaluation, of the short training and the full one."""
    reason: str | None = None
    """Why it failed or was stopped, or which trial it repeats."""
    accuracy: float | None = None
    architecture_yaml: str | None = None
    history: tuple[float, ...] = field(default=())
    """Validation macro-F1 after each epoch of the full training."""
    predicted: float | None = None
    """What a stopped training would have come to."""
    predicted_sd: float | None = None
    """Standard deviation of the prediction."""
    epochs: int | None = None
    """Epochs trained in all, those of the short training included."""
    short_history: tuple[float, ...] = field(default=())
    """Validation macro-F1 after each epoch of the short training."""
    validation_sd: float | None = None
    """Standard deviation of `macro_f1` over other validation samples of the same size."""


def write_trials_csv(path: Path, records: Iterable[TrialRecord]) -> None:
    """Write one row a trial with `TRIAL_COLUMNS`, atomically; empty cells for what is not known."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TRIAL_COLUMNS)
    for record in records:
        values = (getattr(record, _FIELDS.get(column, column)) for column in TRIAL_COLUMNS)
        writer.writerow("" if value is None else value for value in values)
    atomic_write_text(path, text.getvalue())


def read_trials_csv(path: Path) -> tuple[TrialRecord, ...]:
    """The records of a `trials.csv`. Raises NasError for a file that is not one."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return tuple(_parse_rows(path, csv.DictReader(stream)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NasError(f"can't read the table of trials: {error}", file=path) from error


def _parse_rows(path: Path, rows: "csv.DictReader[str]") -> Iterator[TrialRecord]:
    missing = [column for column in TRIAL_COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise NasError(f"not a table of trials: no column {', '.join(missing)}", file=path)
    for row in rows:
        try:
            yield _parse_row(row)
        except (TypeError, ValueError) as error:
            raise NasError(f"unreadable row: {error}", file=path, line=rows.line_num) from error


def _parse_row(row: dict[str, str]) -> TrialRecord:
    state = _STATES.get(row["state"])
    if state is None:
        raise ValueError(f"no state {row['state']!r}; allowed: {', '.join(_STATES)}")
    return TrialRecord(
        number=int(row["number"]),
        state=state,
        macs=int(row["macs"]) if row["macs"] else None,
        parameters=int(row["parameters"]) if row["parameters"] else None,
        macro_f1=_number(row["macro_f1"]),
        architecture_hash=row["architecture_hash"] or None,
        seconds=_number(row["seconds"]),
        reason=row["reason"] or None,
        predicted=_number(row["predicted_macro_f1"]),
        epochs=int(row["epochs"]) if row["epochs"] else None,
    )


def _number(cell: str) -> float | None:
    return float(cell) if cell else None

"""Repeated trainings of a search's finalists as records, and the table that they are written to."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nas.files import atomic_write_text

_FIELDS = (
    "trial",
    "seed",
    "state",
    "macs",
    "metric",
    "metric_sd",
    "accuracy",
    "epochs",
    "seconds",
    "reason",
    "history",
)
"""What the table has of a record, in the order of its columns."""

FinalState = Literal["trained", "failed", "running"]


@dataclass(frozen=True)
class FinalRecord:
    """One training of a finalist with a seed of its own; None where something is not known."""

    trial: int
    """Number of the search's trial that found the network."""
    seed: int
    state: FinalState
    macs: int | None = None
    metric: float | None = None
    """The task's first metric on validation, of the best epoch, whose weights a training keeps, as
    in the search."""
    metric_sd: float | None = None
    """Its standard deviation over other validation samples of the same size."""
    accuracy: float | None = None
    """In the same epoch."""
    epochs: int | None = None
    """Epochs of this training."""
    found_among: int | None = None
    """Networks that the search had trained when the round of finalists began."""
    seconds: float | None = None
    """Wall-clock seconds of training and evaluation."""
    reason: str | None = None
    """Why it failed."""
    history: tuple[float, ...] = field(default=())
    """`metric` after each epoch."""


def finalist_columns(metric: str) -> tuple[str, ...]:
    """Heads of the table's columns, in order, of a task whose first metric has this name."""
    heads = {"metric": metric, "metric_sd": f"{metric}_sd"}
    return tuple(heads.get(name, name) for name in _FIELDS)


def write_finalists_csv(path: Path, records: Iterable[FinalRecord], metric: str) -> None:
    """Write one row a training, atomically; empty cells for the unknown.

    `metric` is the name of the task's first metric, which two columns are called after.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(finalist_columns(metric))
    for record in records:
        values = [getattr(record, name) for name in _FIELDS[:-1]]
        history = " ".join(map(repr, record.history))
        writer.writerow(["" if value is None else value for value in [*values, history]])
    atomic_write_text(path, text.getvalue())

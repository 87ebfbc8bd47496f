"""Repeated trainings of a search's finalists as records, and the table that they are written to."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nas.files import atomic_write_text

FINALIST_COLUMNS = (
    "trial",
    "seed",
    "state",
    "macs",
    "macro_f1",
    "macro_f1_sd",
    "accuracy",
    "epochs",
    "seconds",
    "reason",
    "history",
)

FinalState = Literal["trained", "failed", "running"]


@dataclass(frozen=True)
class FinalRecord:
    """One training of a finalist with a seed of its own; None where something is not known."""

    trial: int
    """Number of the search's trial that found the network."""
    seed: int
    state: FinalState
    macs: int | None = None
    macro_f1: float | None = None
    """Validation macro-F1 of the best epoch, whose weights a training keeps, as in the search."""
    macro_f1_sd: float | None = None
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
    """Validation macro-F1 after each epoch."""


def write_finalists_csv(path: Path, records: Iterable[FinalRecord]) -> None:
    """Write one row a training with `FINALIST_COLUMNS`, atomically; empty cells for the unknown."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FINALIST_COLUMNS)
    for record in records:
        values = [getattr(record, column) for column in FINALIST_COLUMNS[:-1]]
        history = " ".join(map(repr, record.history))
        writer.writerow(["" if value is None else value for value in [*values, history]])
    atomic_write_text(path, text.getvalue())

"""Repeated trainings of a search's finalists as records, and the table that they are written to."""

import csv
import io
from collections.abc import Iterable, Mapping
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

BOUND_Z = 1.645
"""Standard deviations below the mean: a one-sided 95 % bound of a normal distribution."""

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
    """Validation macro-F1 after the last epoch: the best of several would be luck in part."""
    macro_f1_sd: float | None = None
    """Its standard deviation over other validation samples of the same size."""
    accuracy: float | None = None
    """As `macro_f1`, after the last epoch."""
    epochs: int | None = None
    """Epochs of this training."""
    found_among: int | None = None
    """Networks that the search had trained when it began."""
    seconds: float | None = None
    """Wall-clock seconds of training and evaluation."""
    reason: str | None = None
    """Why it failed."""
    history: tuple[float, ...] = field(default=())
    """Validation macro-F1 after each epoch."""


@dataclass(frozen=True)
class Estimate:
    """What is to be expected of a network's macro-F1, beyond the sample and the seeds seen."""

    mean: float
    """Over the repeated trainings; without any, the mean that the model of the search gives."""
    sd: float
    """Standard deviation of the mean: other seeds and another validation sample would differ."""
    seeds: tuple[int, ...] = ()
    """Seeds of the repeated trainings behind it; none where the model alone says so."""
    validation_sd: float = 0.0
    """Standard deviation over other validation samples of the same size."""

    @property
    def lower(self) -> float:
        """Lower end of the one-sided 95 % interval, what the network surely reaches."""
        return max(0.0, self.mean - BOUND_Z * self.sd)


@dataclass(frozen=True)
class SeedNoise:
    """How much the macro-F1 of one network differs from one training seed to the next."""

    sd: float
    """Standard deviation, pooled over the finalists and the model's own estimate."""
    degrees: int
    """Repeats beyond the first of each finalist: what was measured of it."""


@dataclass(frozen=True)
class Certainty:
    """How well a search knows its networks."""

    estimates: Mapping[int, Estimate]
    """Of every trained network, by trial number."""
    noise: SeedNoise
    finals: tuple[FinalRecord, ...] = ()
    """The finalists' trainings that ended, by trial and seed."""

    @property
    def finalists(self) -> tuple[int, ...]:
        """Trial numbers of those that were trained again."""
        return tuple(sorted({item.trial for item in self.finals}))


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

"""Records of a search: trials, finalists' trainings, how sure their metrics are; their tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nas.files import atomic_write_text
from nas.runs.costs import MACS, PARAMETERS
from nas.text_table import csv_text

TrialState = Literal["trained", "stopped", "duplicate", "over_budget", "failed", "running"]

_FIELDS = (
    "number",
    "state",
    "macs",
    "parameters",
    "metric",
    "architecture_hash",
    "seconds",
    "reason",
    "predicted",
    "epochs",
)
"""What the table has of a record, in the order of its columns; columns are added at the end."""


@dataclass(frozen=True)
class TrialRecord:
    """One trial; None for what is not known."""

    number: int
    state: TrialState
    costs: Mapping[str, float] = field(default_factory=dict)
    """The network's costs by name: MACs and parameters, and further ones."""
    metric: float | None = None
    """The task's primary metric on validation."""
    architecture_hash: str | None = None
    seconds: float | None = None
    """Wall-clock seconds of training and evaluation, of the short training and the full one."""
    reason: str | None = None
    """Why it failed or was stopped, or which trial it repeats."""
    accuracy: float | None = None
    architecture_yaml: str | None = None
    history: tuple[float, ...] = field(default=())
    """`metric` after each epoch of the full training."""
    predicted: float | None = None
    """Predicted final metric of a stopped training."""
    predicted_sd: float | None = None
    """Standard deviation of the prediction."""
    epochs: int | None = None
    """Epochs trained in all, those of the short training included."""
    short_history: tuple[float, ...] = field(default=())
    """`metric` after each epoch of the short training."""
    validation_sd: float | None = None
    """Standard deviation of `metric` over other validation samples of the same size."""

    @property
    def macs(self) -> int | None:
        """Multiply-adds of one sample's forward pass."""
        return self._count(MACS)

    @property
    def parameters(self) -> int | None:
        """Number of weights."""
        return self._count(PARAMETERS)

    def _count(self, name: str) -> int | None:
        return int(self.costs[name]) if name in self.costs else None


def is_trial_column(name: str) -> bool:
    """Whether the table has a column of this name whatever is optimised."""
    return name in _FIELDS


def trial_columns(metric: str, further: Sequence[str] = ()) -> tuple[str, ...]:
    """Heads of the table's columns, in order, of a task whose primary metric has this name.

    `further` are the names of costs besides MACs and parameters.
    """
    heads = {"metric": metric, "predicted": f"predicted_{metric}"}
    return (*(heads.get(name, name) for name in _FIELDS), *further)


def write_trials_csv(
    path: Path, records: Iterable[TrialRecord], metric: str, further: Sequence[str] = ()
) -> None:
    """Write one row a trial, atomically; empty cells for what is not known.

    `metric` is the name of the task's primary metric, which two columns are called after; `further`
    as in `trial_columns`.
    """
    rows = (
        [getattr(record, name) for name in _FIELDS] + [record.costs.get(name) for name in further]
        for record in records
    )
    atomic_write_text(path, csv_text(trial_columns(metric, further), rows))


_FINAL_FIELDS = (
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
    """The task's primary metric on validation, of the best epoch, whose weights a training keeps,
    as in the search."""
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
    """Heads of the table's columns, in order, of a task whose primary metric has this name."""
    heads = {"metric": metric, "metric_sd": f"{metric}_sd"}
    return tuple(heads.get(name, name) for name in _FINAL_FIELDS)


def write_finalists_csv(path: Path, records: Iterable[FinalRecord], metric: str) -> None:
    """Write one row a training, atomically; empty cells for the unknown.

    `metric` is the name of the task's primary metric, which two columns are called after.
    """
    rows = (
        [
            *(getattr(record, name) for name in _FINAL_FIELDS[:-1]),
            " ".join(map(repr, record.history)),
        ]
        for record in records
    )
    atomic_write_text(path, csv_text(finalist_columns(metric), rows))


BOUND_Z = 1.645
"""Standard deviations below the mean: a one-sided 95 % bound of a normal distribution."""


@dataclass(frozen=True)
class Estimate:
    """Estimate of a network's primary metric, beyond the samples and seeds that were seen."""

    mean: float
    """Mean over the repeated trainings; without any, of the search's model."""
    sd: float
    """Standard deviation of the mean: other seeds and another validation sample would differ."""
    seeds: tuple[int, ...] = ()
    """Seeds of the repeated trainings; empty where it is the model's estimate alone."""
    validation_sd: float = 0.0
    """Standard deviation over other validation samples of the same size."""

    @property
    def lower(self) -> float:
        """Lower end of the one-sided 95 % interval."""
        return max(0.0, self.mean - BOUND_Z * self.sd)


@dataclass(frozen=True)
class SeedNoise:
    """Noise of the primary metric: how much it differs from one training seed to the next."""

    sd: float
    """Standard deviation, pooled over the finalists and the model's own estimate."""
    degrees: int
    """Degrees of freedom: repeats beyond the first of each finalist."""


@dataclass(frozen=True)
class Certainty:
    """Estimates of a search's networks, and the noise of the metric."""

    estimates: Mapping[int, Estimate]
    """Of every trained network, by trial number."""
    noise: SeedNoise
    finals: tuple[FinalRecord, ...] = ()
    """The finalists' trainings that ended, by trial and seed."""

    @property
    def finalists(self) -> tuple[int, ...]:
        """Trial numbers of those that were trained again."""
        return tuple(sorted({item.trial for item in self.finals}))

    @property
    def repeated(self) -> dict[int, Estimate]:
        """Estimates of the finalists whose training has finished."""
        known = {number: self.estimates[number] for number in self.finalists}
        return {number: estimate for number, estimate in known.items() if estimate.seeds}

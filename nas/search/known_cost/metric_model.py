"""The metric of networks that were not trained, from those that were.

Axes: M members, D columns of an encoded one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import ceil, isfinite

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from nas.search.known_cost.gaussian_process import (
    JITTER,
    GaussianProcess,
    Hyperparameters,
    fit,
    with_columns,
)
from nas.search.known_cost.history import refused
from nas.search.known_cost.kernel import Columns, Inputs
from nas.search.known_cost.members import Catalogue
from nas.search.known_cost.metric_scale import MetricScale, scale_of

Floats = NDArray[np.float64]
FIT_MEMBERS = 150
REFIT_GROWTH = 1.15
MOST_MEMBERS = 600
"""Observations that a model is given; what it takes grows with their cube."""


@dataclass(frozen=True)
class Observed:
    """Members whose metric is known."""

    vectors_MD: Floats
    log_costs_M: Floats
    values_M: Floats
    noise_sds_M: Floats
    """What is known of each value's error, beyond what the model estimates itself; 0 for none."""

    def __len__(self) -> int:
        return len(self.values_M)

    def at(self, rows: NDArray[np.intp] | slice) -> "Observed":
        """Those rows alone."""
        return Observed(
            self.vectors_MD[rows],
            self.log_costs_M[rows],
            self.values_M[rows],
            self.noise_sds_M[rows],
        )

    def first(self, count: int) -> "Observed":
        """The first of them alone."""
        return self.at(slice(count))

    def digest(self, columns: Columns) -> bytes:
        """What tells these observations from others."""
        parts = (columns.groups_D, self.vectors_MD, self.log_costs_M, self.values_M)
        whole = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
        return sha256(whole + self.noise_sds_M.tobytes()).digest()


class MetricModel:
    """A Gaussian process of a metric (that rises) over encoded parameters and log-cost."""

    def __init__(self, best_value: float | None = 1.0) -> None:
        self.best_value = best_value
        self._learned: Hyperparameters | None = None
        self._learned_of = b""

    def learn(self, observed: Observed, columns: Columns) -> Hyperparameters:
        """The hyperparameters for what was observed, which are fitted to its first part alone.

        The part grows by shares, so that they are seldom fitted anew. They follow from what is
        given, not from what was asked for before: who begins anew comes to the same.
        """
        part = observed.first(_grown(len(observed)))
        digest = part.digest(columns)
        if self._learned is None or digest != self._learned_of:
            self._learned = self._fitted(part, columns)
            self._learned_of = digest
        return self._learned

    def fit(
        self, observed: Observed, columns: Columns, learned: Hyperparameters | None = None
    ) -> "FittedMetric":
        """The model of what was observed; `columns` says what each column is.

        `learned` are hyperparameters for the first of these columns; None fits them.
        """
        scale = scale_of(observed.values_M, observed.log_costs_M, self.best_value)
        ruler = CostRuler.of(observed.log_costs_M)
        inputs, numbers_M, variances_M = self._scaled(observed, scale, ruler)
        if learned is None:
            learned = self._fitted(observed, columns)
        elif learned.kernel.columns.parameters < columns.parameters:
            learned = with_columns(learned, columns)
        process = GaussianProcess(learned, inputs, numbers_M, variances_M)
        return FittedMetric(process, scale, ruler)

    def _scaled(
        self, observed: Observed, scale: MetricScale, ruler: "CostRuler"
    ) -> tuple[Inputs, Floats, Floats]:
        """What the process is told: inputs, values and their variances."""
        log_costs_M, values_M = observed.log_costs_M, observed.values_M
        sds_M = scale.scaled_sds(observed.noise_sds_M, values_M, log_costs_M)
        inputs = Inputs(observed.vectors_MD, ruler.scaled(log_costs_M))
        return inputs, scale.scaled(values_M, log_costs_M), sds_M**2

    def _fitted(self, observed: Observed, columns: Columns) -> Hyperparameters:
        scale = scale_of(observed.values_M, observed.log_costs_M, self.best_value)
        ruler = CostRuler.of(observed.log_costs_M)
        inputs, numbers_M, variances_M = self._scaled(observed, scale, ruler)
        rows = _some_rows(numbers_M)
        return fit(inputs[rows], numbers_M[rows], variances_M[rows], columns)

    def representatives(self, observed: Observed, count: int) -> NDArray[np.intp]:
        """At most so many rows, ascending, that stand for all: half the best for their cost, the
        others evenly over the rest."""
        if len(observed) <= count:
            return np.arange(len(observed))
        scale = scale_of(observed.values_M, observed.log_costs_M, self.best_value)
        order_M = np.argsort(-scale.scaled(observed.values_M, observed.log_costs_M), kind="stable")
        best, rest = order_M[: count // 2], order_M[count // 2 :]
        places = np.linspace(0, len(rest) - 1, count - len(best)).astype(np.intp)
        return np.sort(np.concatenate([best, rest[np.unique(places)]]))


def _grown(count: int) -> int:
    """The last of the sizes 2, 3, 4, ..., each a share above the one before, that is no larger."""
    size = 2
    while (following := max(size + 1, ceil(REFIT_GROWTH * size))) <= count:
        size = following
    return size


def _some_rows(numbers_M: Floats) -> NDArray[np.intp]:
    """At most FIT_MEMBERS rows, evenly over the values."""
    order_M = np.argsort(numbers_M)
    places = np.linspace(0, len(order_M) - 1, min(len(order_M), FIT_MEMBERS))
    return order_M[np.unique(places.astype(np.intp))]


@dataclass(frozen=True)
class CostRuler:
    """Log-costs on a scale on which those observed lie between -1 and 1."""

    centre: float
    half: float

    @classmethod
    def of(cls, log_costs_M: Floats) -> "CostRuler":
        low, high = float(log_costs_M.min()), float(log_costs_M.max())
        return cls((low + high) / 2, (high - low) / 2 if high > low else 1.0)

    def scaled(self, log_costs_M: Floats) -> Floats:
        return (log_costs_M - self.centre) / self.half


@dataclass(frozen=True)
class FittedMetric:
    """A metric model given observations."""

    process: GaussianProcess
    scale: MetricScale
    ruler: CostRuler

    def condition_on(self, vectors_MD: Floats, log_costs_M: Floats) -> "FittedMetric":
        """The model if more members came out as predicted."""
        more = Inputs(vectors_MD, self.ruler.scaled(log_costs_M))
        return FittedMetric(self.process.condition_on(more), self.scale, self.ruler)

    def numbers(self, vectors_MD: Floats, log_costs_M: Floats) -> tuple[Floats, Floats]:
        """Mean and SD of members on the model's own scale."""
        return self.process.predict(Inputs(vectors_MD, self.ruler.scaled(log_costs_M)))

    def predict_observed(self, observed: Observed, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Mean and SD of members that were observed, in units of the metric.

        The model was given those in `rows`; to each of the others its own value is added.
        """
        means_M, sds_M = self.numbers(observed.vectors_MD, observed.log_costs_M)
        scaled_M = self.scale.scaled(observed.values_M, observed.log_costs_M)
        noise_M = self.scale.scaled_sds(
            observed.noise_sds_M, observed.values_M, observed.log_costs_M
        )
        other_M = np.ones(len(observed), dtype=bool)
        other_M[rows] = False
        share_M = sds_M**2 / (sds_M**2 + noise_M**2 + self.process.noise + JITTER)
        means_M = np.where(other_M, means_M + share_M * (scaled_M - means_M), means_M)
        sds_M = np.where(other_M, sds_M * np.sqrt(1 - share_M), sds_M)
        return self._in_units(means_M, sds_M, observed.log_costs_M)

    def predict(self, vectors_MD: Floats, log_costs_M: Floats) -> tuple[Floats, Floats]:
        """Mean and SD of members in units of the metric."""
        return self._in_units(*self.numbers(vectors_MD, log_costs_M), log_costs_M)

    def _in_units(
        self, means_M: Floats, sds_M: Floats, log_costs_M: Floats
    ) -> tuple[Floats, Floats]:
        high_M = self.scale.unscaled(means_M + sds_M, log_costs_M)
        low_M = self.scale.unscaled(means_M - sds_M, log_costs_M)
        return self.scale.unscaled(means_M, log_costs_M), (high_M - low_M) / 2


def posterior_of(
    trials: Sequence[FrozenTrial],
    *,
    noise_sd: Callable[[FrozenTrial], float] | None = None,
    cost: Callable[[FrozenTrial], float] = lambda trial: trial.values[0],
    maximize: bool = True,
    best_value: float | None = 1.0,
) -> dict[int, tuple[float, float]]:
    """Mean and SD of the true metric of each complete trial within its constraints, by number.

    The metric is a trial's last value, `cost` its cost, by default its first one. `noise_sd` is
    what is known of the error of a trial's metric beyond the noise of training, which is estimated.
    """
    complete = [trial for trial in trials if _observed(trial)]
    if not complete:
        return {}
    catalogue = Catalogue()
    members = [catalogue.add(trial.params, trial.distributions, cost(trial)) for trial in complete]
    sign = 1.0 if maximize else -1.0
    values_M = np.array([sign * trial.values[-1] for trial in complete])
    noise_M = np.array([0.0 if noise_sd is None else noise_sd(trial) for trial in complete])
    vectors_MD, log_costs_M = catalogue.arrays(members)
    observed = Observed(vectors_MD, log_costs_M, values_M, noise_M)
    model = MetricModel(best_value)
    rows = model.representatives(observed, MOST_MEMBERS)
    fitted = model.fit(observed.at(rows), catalogue.encoder.columns)
    means_M, sds_M = fitted.predict_observed(observed, rows)
    return {
        trial.number: (sign * float(mean), float(sd))
        for trial, mean, sd in zip(complete, means_M, sds_M, strict=True)
    }


def _observed(trial: FrozenTrial) -> bool:
    complete = trial.state == TrialState.COMPLETE and not refused(trial)
    return complete and all(isfinite(value) for value in trial.values)

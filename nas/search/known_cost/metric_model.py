"""The metric of networks that were not trained, from those that were.

Axes: M members, D columns of an encoded one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from nas.search.known_cost.gaussian_process import GaussianProcess, Hyperparameters, fit
from nas.search.known_cost.history import refused
from nas.search.known_cost.kernel import Columns, Inputs
from nas.search.known_cost.members import Catalogue
from nas.search.known_cost.metric_scale import MetricScale, scale_of

Floats = NDArray[np.float64]
FIT_MEMBERS = 150
REFIT_GROWTH = 1.15


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


class MetricModel:
    """A Gaussian process of a metric (that rises) over encoded parameters and log-cost.

    Hyperparameters are fitted anew only when the observations have grown by a share.
    """

    def __init__(self, best_value: float | None = 1.0) -> None:
        self.best_value = best_value
        self._fitted: Hyperparameters | None = None
        self._fitted_on = 0

    def fit(self, observed: Observed, columns: Columns) -> "FittedMetric":
        """The model of what was observed; `columns` says what each column is."""
        scale = scale_of(observed.values_M, observed.log_costs_M, self.best_value)
        ruler = CostRuler.of(observed.log_costs_M)
        inputs = Inputs(observed.vectors_MD, ruler.scaled(observed.log_costs_M))
        numbers_M = scale.scaled(observed.values_M, observed.log_costs_M)
        sds_M = scale.scaled_sds(observed.noise_sds_M, observed.values_M, observed.log_costs_M)
        fitted = self._hyperparameters(inputs, numbers_M, sds_M**2, columns)
        process = GaussianProcess(fitted, inputs, numbers_M, sds_M**2)
        return FittedMetric(process, scale, ruler)

    def _hyperparameters(
        self, inputs: Inputs, numbers_M: Floats, variances_M: Floats, columns: Columns
    ) -> Hyperparameters:
        known = self._fitted
        same = known is not None and len(known.logs_H) == columns.parameters + 5
        if known is None or not same or len(inputs) >= REFIT_GROWTH * self._fitted_on:
            rows = _some_rows(numbers_M)
            start = known.logs_H if same and known is not None else None
            known = fit(inputs[rows], numbers_M[rows], variances_M[rows], columns, start)
            self._fitted, self._fitted_on = known, len(inputs)
        return known


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

    def predict(self, vectors_MD: Floats, log_costs_M: Floats) -> tuple[Floats, Floats]:
        """Mean and SD of members in units of the metric."""
        means_M, sds_M = self.numbers(vectors_MD, log_costs_M)
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
    fitted = MetricModel(best_value).fit(observed, catalogue.encoder.columns)
    means_M, sds_M = fitted.predict(vectors_MD, log_costs_M)
    return {
        trial.number: (sign * float(mean), float(sd))
        for trial, mean, sd in zip(complete, means_M, sds_M, strict=True)
    }


def _observed(trial: FrozenTrial) -> bool:
    complete = trial.state == TrialState.COMPLETE and not refused(trial)
    return complete and all(isfinite(value) for value in trial.values)

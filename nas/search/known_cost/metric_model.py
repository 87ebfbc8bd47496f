"""The metric of networks that were not trained, from those that were."""

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

    vectors: Floats
    log_costs: Floats
    values: Floats
    noise_sds: Floats
    """What is known of each value's error, beyond what the model estimates itself; 0 for none."""

    def __len__(self) -> int:
        return len(self.values)


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
        scale = scale_of(observed.values, observed.log_costs, self.best_value)
        ruler = CostRuler.of(observed.log_costs)
        inputs = Inputs(observed.vectors, ruler.scaled(observed.log_costs))
        numbers = scale.scaled(observed.values, observed.log_costs)
        sds = scale.scaled_sds(observed.noise_sds, observed.values, observed.log_costs)
        fitted = self._hyperparameters(inputs, numbers, sds**2, columns)
        process = GaussianProcess(fitted, inputs, numbers, sds**2)
        return FittedMetric(process, scale, ruler)

    def _hyperparameters(
        self, inputs: Inputs, numbers: Floats, variances: Floats, columns: Columns
    ) -> Hyperparameters:
        known = self._fitted
        same = known is not None and len(known.logs) == columns.parameters + 5
        if known is None or not same or len(inputs) >= REFIT_GROWTH * self._fitted_on:
            rows = _some_rows(numbers)
            start = known.logs if same and known is not None else None
            known = fit(inputs[rows], numbers[rows], variances[rows], columns, start)
            self._fitted, self._fitted_on = known, len(inputs)
        return known


def _some_rows(numbers: Floats) -> NDArray[np.intp]:
    """At most FIT_MEMBERS rows, evenly over the values."""
    order = np.argsort(numbers)
    places = np.linspace(0, len(order) - 1, min(len(order), FIT_MEMBERS))
    return order[np.unique(places.astype(np.intp))]


@dataclass(frozen=True)
class CostRuler:
    """Log-costs on a scale on which those observed lie between -1 and 1."""

    centre: float
    half: float

    @classmethod
    def of(cls, log_costs: Floats) -> "CostRuler":
        low, high = float(log_costs.min()), float(log_costs.max())
        return cls((low + high) / 2, (high - low) / 2 if high > low else 1.0)

    def scaled(self, log_costs: Floats) -> Floats:
        return (log_costs - self.centre) / self.half


@dataclass(frozen=True)
class FittedMetric:
    """A metric model given observations."""

    process: GaussianProcess
    scale: MetricScale
    ruler: CostRuler

    def condition_on(self, vectors: Floats, log_costs: Floats) -> "FittedMetric":
        """The model if more members came out as predicted."""
        more = Inputs(vectors, self.ruler.scaled(log_costs))
        return FittedMetric(self.process.condition_on(more), self.scale, self.ruler)

    def numbers(self, vectors: Floats, log_costs: Floats) -> tuple[Floats, Floats]:
        """Mean and SD of members on the model's own scale."""
        return self.process.predict(Inputs(vectors, self.ruler.scaled(log_costs)))

    def predict(self, vectors: Floats, log_costs: Floats) -> tuple[Floats, Floats]:
        """Mean and SD of members in units of the metric."""
        means, sds = self.numbers(vectors, log_costs)
        high = self.scale.unscaled(means + sds, log_costs)
        low = self.scale.unscaled(means - sds, log_costs)
        return self.scale.unscaled(means, log_costs), (high - low) / 2


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
    values = np.array([sign * trial.values[-1] for trial in complete])
    noise = np.array([0.0 if noise_sd is None else noise_sd(trial) for trial in complete])
    vectors, log_costs = catalogue.arrays(members)
    observed = Observed(vectors, log_costs, values, noise)
    fitted = MetricModel(best_value).fit(observed, catalogue.encoder.columns)
    means, sds = fitted.predict(vectors, log_costs)
    return {
        trial.number: (sign * float(mean), float(sd))
        for trial, mean, sd in zip(complete, means, sds, strict=True)
    }


def _observed(trial: FrozenTrial) -> bool:
    complete = trial.state == TrialState.COMPLETE and not refused(trial)
    return complete and all(isfinite(value) for value in trial.values)

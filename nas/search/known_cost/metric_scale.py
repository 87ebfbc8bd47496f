"""The scale on which a metric is modelled: equal steps matter equally, disasters don't.

Axes: M members, S steps of the front of what was measured.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.search.known_cost.improvement import staircase

Floats = NDArray[np.float64]
LEAST_ERROR = 1e-3
"""Errors are told apart down to this share of the largest."""
SQUASH = 1.0
RISE = 0.5


@dataclass(frozen=True)
class MetricScale:
    """Turns values of a metric that rises into numbers of mean 0 and SD 1, and back."""

    best_value: float | None
    """Where set, the logarithm of the distance to it is modelled."""
    least_error: float
    starts_S: Floats
    heights_S: Floats
    """The front of what was measured: log-costs at which it rises, and its values there."""
    tolerance: float
    """How far below the front differences keep their size; beyond it only their logarithm."""
    centre: float
    spread: float

    def scaled(self, values_M: Floats, log_costs_M: Floats) -> Floats:
        """The numbers that stand for values at these log-costs."""
        gaps_M = self._front(log_costs_M) - self._bent(values_M)
        return (self._front(log_costs_M) - self._squashed(gaps_M) - self.centre) / self.spread

    def unscaled(self, numbers_M: Floats, log_costs_M: Floats) -> Floats:
        """The values that numbers at these log-costs stand for."""
        front_M = self._front(log_costs_M)
        gaps_M = front_M - (numbers_M * self.spread + self.centre)
        beyond_M = np.maximum(gaps_M / self.tolerance, 1.0)
        wide_M = self.tolerance * np.exp(np.minimum(beyond_M - 1, 50.0))
        return self._straight(front_M - np.where(gaps_M > self.tolerance, wide_M, gaps_M))

    def scaled_sds(self, sds_M: Floats, values_M: Floats, log_costs_M: Floats) -> Floats:
        """SDs of the numbers for SDs of values."""
        up_M = self.scaled(values_M + sds_M, log_costs_M)
        return (up_M - self.scaled(values_M - sds_M, log_costs_M)) / 2

    def unfolded(self, numbers_M: Floats) -> Floats:
        """What numbers at the front or above it stand for: values, or minus the log of errors."""
        return numbers_M * self.spread + self.centre

    def _front(self, log_costs_M: Floats) -> Floats:
        step_M = np.searchsorted(self.starts_S, log_costs_M, side="right") - 1
        return self.heights_S[np.maximum(step_M, 0)]

    def _squashed(self, gaps_M: Floats) -> Floats:
        beyond_M = np.maximum(gaps_M / self.tolerance, 1.0)
        return np.where(gaps_M > self.tolerance, self.tolerance * (1 + np.log(beyond_M)), gaps_M)

    def _bent(self, values_M: Floats) -> Floats:
        if self.best_value is None:
            return values_M
        return -np.log(np.maximum(self.best_value - values_M, self.least_error))

    def _straight(self, bent_M: Floats) -> Floats:
        return bent_M if self.best_value is None else self.best_value - np.exp(-bent_M)


def scale_of(values_M: Floats, log_costs_M: Floats, best_value: float | None) -> MetricScale:
    """The scale for values at log-costs. A value above `best_value` shows that it is none."""
    if best_value is not None and values_M.max() > best_value:
        best_value = None
    least = LEAST_ERROR if best_value is None else LEAST_ERROR * (best_value - values_M.min())
    raw = MetricScale(best_value, max(least, 1e-12), np.zeros(1), np.zeros(1), np.inf, 0.0, 1.0)
    bent_M = raw._bent(values_M)
    steps = staircase(log_costs_M, bent_M, -np.inf, np.inf)
    starts_S, heights_S = steps.starts_S[1:], steps.heights_S[1:]
    front_M = heights_S[np.searchsorted(starts_S, log_costs_M, side="right") - 1]
    gaps_M = np.sort(front_M - bent_M)
    tolerance = _tolerance(gaps_M, float(np.ptp(heights_S)))
    squashed = MetricScale(best_value, raw.least_error, starts_S, heights_S, tolerance, 0.0, 1.0)
    numbers_M = squashed.scaled(values_M, log_costs_M)
    spread = float(np.std(numbers_M))
    return MetricScale(
        best_value,
        raw.least_error,
        starts_S,
        heights_S,
        tolerance,
        float(np.mean(numbers_M)),
        spread if spread > 1e-9 else 1.0,
    )


def _tolerance(gaps_M: Floats, rise: float) -> float:
    """Differences below the front that occur often, or that the front itself spans."""
    if max(rise, float(gaps_M[-1])) <= 1e-9:
        return np.inf  # all values are the same: no difference tells what a large one is
    common = float(np.quantile(gaps_M, 0.5))
    return max(SQUASH * common, RISE * rise, 1e-9)

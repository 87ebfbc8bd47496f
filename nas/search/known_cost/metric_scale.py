"""The scale on which a metric is modelled: equal steps matter equally, disasters don't."""

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
    starts: Floats
    heights: Floats
    """The front of what was measured: log-costs at which it rises, and its values there."""
    tolerance: float
    """How far below the front differences keep their size; beyond it only their logarithm."""
    centre: float
    spread: float

    def scaled(self, values: Floats, log_costs: Floats) -> Floats:
        """The numbers that stand for values at these log-costs."""
        gaps = self._front(log_costs) - self._bent(values)
        return (self._front(log_costs) - self._squashed(gaps) - self.centre) / self.spread

    def unscaled(self, numbers: Floats, log_costs: Floats) -> Floats:
        """The values that numbers at these log-costs stand for."""
        front = self._front(log_costs)
        gaps = front - (numbers * self.spread + self.centre)
        beyond = np.maximum(gaps / self.tolerance, 1.0)
        wide = self.tolerance * np.exp(np.minimum(beyond - 1, 50.0))
        return self._straight(front - np.where(gaps > self.tolerance, wide, gaps))

    def scaled_sds(self, sds: Floats, values: Floats, log_costs: Floats) -> Floats:
        """SDs of the numbers for SDs of values."""
        up = self.scaled(values + sds, log_costs)
        return (up - self.scaled(values - sds, log_costs)) / 2

    def unfolded(self, numbers: Floats) -> Floats:
        """What numbers at the front or above it stand for: values, or minus the log of errors."""
        return numbers * self.spread + self.centre

    def _front(self, log_costs: Floats) -> Floats:
        step = np.searchsorted(self.starts, log_costs, side="right") - 1
        return self.heights[np.maximum(step, 0)]

    def _squashed(self, gaps: Floats) -> Floats:
        beyond = np.maximum(gaps / self.tolerance, 1.0)
        return np.where(gaps > self.tolerance, self.tolerance * (1 + np.log(beyond)), gaps)

    def _bent(self, values: Floats) -> Floats:
        if self.best_value is None:
            return values
        return -np.log(np.maximum(self.best_value - values, self.least_error))

    def _straight(self, bent: Floats) -> Floats:
        return bent if self.best_value is None else self.best_value - np.exp(-bent)


def scale_of(values: Floats, log_costs: Floats, best_value: float | None) -> MetricScale:
    """The scale for values at log-costs. A value above `best_value` shows that it is none."""
    if best_value is not None and values.max() > best_value:
        best_value = None
    least = LEAST_ERROR if best_value is None else LEAST_ERROR * (best_value - values.min())
    raw = MetricScale(best_value, max(least, 1e-12), np.zeros(1), np.zeros(1), np.inf, 0.0, 1.0)
    bent = raw._bent(values)
    steps = staircase(log_costs, bent, -np.inf, np.inf)
    starts, heights = steps.starts[1:], steps.heights[1:]
    front = heights[np.searchsorted(starts, log_costs, side="right") - 1]
    gaps = np.sort(front - bent)
    tolerance = _tolerance(gaps, float(np.ptp(heights)))
    squashed = MetricScale(best_value, raw.least_error, starts, heights, tolerance, 0.0, 1.0)
    numbers = squashed.scaled(values, log_costs)
    spread = float(np.std(numbers))
    return MetricScale(
        best_value,
        raw.least_error,
        starts,
        heights,
        tolerance,
        float(np.mean(numbers)),
        spread if spread > 1e-9 else 1.0,
    )


def _tolerance(gaps: Floats, rise: float) -> float:
    """Differences below the front that occur often, or that the front itself spans."""
    if max(rise, float(gaps[-1])) <= 1e-9:
        return np.inf  # all values are the same: no difference tells what a large one is
    common = float(np.quantile(gaps, 0.5))
    return max(SQUASH * common, RISE * rise, 1e-9)

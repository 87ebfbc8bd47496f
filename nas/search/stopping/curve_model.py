"""Predicted final metric of a learning curve, from the finished curves of the same study."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.search.stopping.rule import LearningCurve

Floats = NDArray[np.float64]

LEAST_ERROR = 1e-4
"""Errors below it (1 - metric) count as it: the logarithm has no value at 0."""
PRIOR_SD = 0.1
"""Spread of finals around what is predicted, on the scale of -log(error), before any is seen:
0.05 of a metric at 0.5. Its square falls with the epochs that are left."""
PRIOR_CURVES = 4.0
"""Finished curves that this prior weighs as much as."""
SLOPE_VARIANCE = 1.0
"""Prior variance of the slope of a standardised feature, over that of the noise."""
LEVEL_VARIANCE = 100.0
"""The same of the constant term."""


@dataclass(frozen=True)
class CurvePrediction:
    """A final metric that is not known yet: Student's t on the scale of -log(error)."""

    level: float
    spread: float
    """Standard deviation on that scale."""

    @property
    def mean(self) -> float:
        """The metric at the middle of the distribution."""
        return metric_at(self.level)

    @property
    def sd(self) -> float:
        """Standard deviation of the metric, by the slope of the scale at the mean."""
        return self.spread * (1 - self.mean)

    def optimistic(self, deviations: float) -> float:
        """The metric that many standard deviations above the middle."""
        return metric_at(self.level + deviations * self.spread)


def level_of(metric: float) -> float:
    """A metric on the scale of -log(error), where equal steps are about equally hard."""
    return float(-np.log(max(1.0 - metric, LEAST_ERROR)))


def metric_at(level: float) -> float:
    """The metric at a point of the scale of -log(error); 0 at points below it."""
    return float(-np.expm1(-max(level, 0.0)))


class CurveModel:
    """Bayesian linear regression of the final metric on what a curve shows so far.

    Features: log-cost, and the best and the mean value so far, of the short training while there is
    no other. What is regressed is the gain over the best so far, with the conjugate
    normal-inverse-gamma prior (Gelman et al., Bayesian Data Analysis, 3rd ed., sections 14.2 and
    14.8), so that the predictive distribution is Student's t: wide with few curves, and honest
    about slopes that few curves tell.
    """

    def __init__(self, finished: Sequence[LearningCurve]) -> None:
        """Learns from curves whose full training, all of one length, went to its end."""
        self.finished = finished

    def predict(self, curve: LearningCurve) -> CurvePrediction:
        """The final metric of a curve that has shown at least one epoch."""
        epoch = len(curve.full)
        alike = [item for item in self.finished if epoch or len(item.short) == len(curve.short)]
        now = max(_seen(curve, epoch))
        features = np.array([_features(item, epoch) for item in [*alike, curve]])
        gains = np.array([level_of(item.best) - max(_seen(item, epoch)) for item in alike])
        design = _design(features, len(alike))
        left = 1 - epoch / len(alike[0].full) if alike else 1.0
        gain, spread = _posterior(design[:-1], gains, design[-1], PRIOR_SD**2 * left)
        return CurvePrediction(now + max(gain, 0.0) if epoch else now + gain, spread)


def _seen(curve: LearningCurve, epoch: int) -> list[float]:
    """Levels of the full training's first epochs; with `epoch` 0 those of the short training."""
    return [level_of(metric) for metric in (curve.full[:epoch] if epoch else curve.short)]


def _features(curve: LearningCurve, epoch: int) -> list[float]:
    seen = _seen(curve, epoch)
    return [float(np.log(max(curve.cost, 1))), max(seen), float(np.mean(seen))]


def _design(features: Floats, known: int) -> Floats:
    """A constant, and the features standardised over the first `known` rows."""
    if known < 2:
        centred = features - features.mean(axis=0)
        return np.hstack([np.ones((len(features), 1)), centred])
    centred = features - features[:known].mean(axis=0)
    deviation = features[:known].std(axis=0)
    return np.hstack([np.ones((len(features), 1)), centred / np.where(deviation > 0, deviation, 1)])


def _posterior(
    design: Floats, targets: Floats, row: Floats, prior_variance: float
) -> tuple[float, float]:
    """Mean and standard deviation of the target at `row` under the conjugate prior."""
    variances = np.full(design.shape[1], SLOPE_VARIANCE)
    variances[0] = LEVEL_VARIANCE
    precision = np.diag(1 / variances) + design.T @ design
    weights = np.linalg.solve(precision, design.T @ targets)
    explained = float(weights @ precision @ weights)
    freedom = PRIOR_CURVES + len(targets)
    squares = PRIOR_CURVES * prior_variance + float(targets @ targets) - explained
    leverage = float(row @ np.linalg.solve(precision, row))
    variance = squares / (freedom - 2) * (1 + leverage)
    return float(row @ weights), float(np.sqrt(variance))

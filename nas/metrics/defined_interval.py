"""Means and intervals of metrics that have no value where there is nothing to find.

Such a value is NaN in an array and is left out: counting it as 0 or 1 would change the mean.
"""

import numpy as np
from numpy.typing import NDArray

from nas.metrics.group_bootstrap import DrawMetric, group_interval

Interval = tuple[float, float]


def mean_of_defined(values_KX: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the first axis of the values that are numbers, shape X; NaN where none is."""
    defined_KX = ~np.isnan(values_KX)
    count_X = defined_KX.sum(axis=0)
    total_X = np.where(defined_KX, values_KX, 0).sum(axis=0)
    undefined_X = np.full(count_X.shape, np.nan)
    mean_X: NDArray[np.float64] = np.divide(total_X, count_X, out=undefined_X, where=count_X > 0)
    return mean_X


def defined_interval(
    metric: DrawMetric, groups: int, *, resamples: int = 1000, seed: int = 0
) -> Interval | None:
    """95 % interval as `group_interval` gives it, of the draws in which the metric has a value.

    None where it has none on the data themselves.
    """
    if np.isnan(metric(np.ones((1, groups), np.int64))).all():
        return None

    def where_defined(draws_RG: NDArray[np.int64]) -> NDArray[np.float64]:
        values_R = metric(draws_RG)
        return values_R[~np.isnan(values_R)]

    return group_interval(where_defined, groups, resamples=resamples, seed=seed)

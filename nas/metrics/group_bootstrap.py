"""Intervals and standard deviations of metrics of samples that come in groups: recordings.

What is cut from one recording is alike, so whole groups are drawn with replacement. A metric is
given as a function of how often each group was drawn; the drawn data are never copied.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nas.metrics.lwlrap import lwlrap_of
from nas.metrics.multilabel import Counts, macro_f1_of

DrawMetric = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""From how often each of G groups was drawn in R resamples, shape (R, G), to values (R,)."""

_AT_ONCE = 50
"""Draws that are measured at once."""

CountFigure = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From counts of any leading axes to values of these axes, as `macro_f1_of`."""


def group_draws(groups: int, *, resamples: int = 1000, seed: int = 0) -> NDArray[np.int64]:
    """How often each group is drawn, shape (resamples, groups); each row sums to `groups`."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(groups, np.full(groups, 1 / groups), size=resamples)


def group_interval(
    metric: DrawMetric, groups: int, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval (low, high) of a metric over draws of its groups."""
    tail = (1 - level) / 2
    values_R = _measured(metric, group_draws(groups, resamples=resamples, seed=seed))
    low, high = np.quantile(values_R, (tail, 1 - tail))
    return float(low), float(high)


def group_sd(metric: DrawMetric, groups: int, *, resamples: int = 1000, seed: int = 0) -> float:
    """Standard deviation of a metric over draws of its groups."""
    return float(_measured(metric, group_draws(groups, resamples=resamples, seed=seed)).std())


def _measured(metric: DrawMetric, draws_RG: NDArray[np.int64]) -> NDArray[np.float64]:
    """The metric's values, some draws at a time: of many classes the counts of all are large."""
    parts = range(0, len(draws_RG), _AT_ONCE)
    return np.concatenate([metric(draws_RG[start : start + _AT_ONCE]) for start in parts])


def drawn(figure: CountFigure, counts_GX: Counts) -> DrawMetric:
    """A figure of the drawn groups' summed counts; X is (K, 3), or (3,) of all classes together.

    Classes that a draw leaves out are not averaged by `macro_f1_of`.
    """

    def of_draws(draws_RG: NDArray[np.int64]) -> NDArray[np.float64]:
        return figure(_summed(draws_RG, counts_GX))

    return of_draws


def group_macro_f1_sd(counts_GK3: Counts, *, resamples: int = 1000, seed: int = 0) -> float:
    """Standard deviation of macro-F1 over other groups of the same number.

    Each class that has a positive counts as if one more pair of it had been seen, a hit, a false
    alarm or a miss alike (Perks 1947) and drawn as often as any, once on average: a few groups
    without an error are no certainty.
    """
    generator = np.random.default_rng(seed + 1)
    present_K1 = (counts_GK3[..., [0, 2]].sum(axis=(0, 2)) > 0)[:, None]

    def smoothed(draws_RG: NDArray[np.int64]) -> NDArray[np.float64]:
        more_RK3 = generator.poisson(1 / 3, (len(draws_RG), *counts_GK3.shape[1:])) * present_K1
        return macro_f1_of(_summed(draws_RG, counts_GK3) + more_RK3)

    return group_sd(smoothed, len(counts_GK3), resamples=resamples, seed=seed)


def lwlrap_interval(
    sums_G: NDArray[np.float64], positives_G: NDArray[np.int64], *, resamples: int = 1000
) -> tuple[float, float]:
    """95 % interval of LWLRAP from what `ranking_precisions` gives, one sample a group."""

    def of_draws(draws_RG: NDArray[np.int64]) -> NDArray[np.float64]:
        return lwlrap_of(draws_RG * sums_G, draws_RG * positives_G)

    return group_interval(of_draws, len(sums_G), resamples=resamples)


def _summed(draws_RG: NDArray[np.int64], counts_GX: Counts) -> NDArray[np.float64]:
    """Counts (R, X) of each draw, exact; products of floats are many times faster."""
    return np.tensordot(draws_RG.astype(np.float64), counts_GX.astype(np.float64), axes=1)

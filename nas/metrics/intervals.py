"""Confidence intervals and standard deviations of metrics that the confusion matrix decides."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

ConfusionMetric = Callable[[NDArray[Any]], NDArray[np.float64]]
"""From counts of shape (..., K, K) to values of shape (...), as `macro_f1_of`."""


def confusion_interval(
    metric: ConfusionMetric,
    confusion_KK: NDArray[np.integer],
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval (low, high) under a bootstrap stratified by true class.

    Drawing the n samples of a class with replacement is drawing its row of the confusion matrix
    from a multinomial of n trials, so the samples themselves are not needed. Strata keep every
    class in every resample: without them a rare class is now and then absent, and counts as F1 0.
    """
    generator = np.random.default_rng(seed)
    counts_K = confusion_KK.sum(axis=1)
    shares_KK = confusion_KK / np.maximum(counts_K, 1)[:, None]
    shares_KK[counts_K == 0] = 1 / len(confusion_KK)  # no trial is drawn of it
    draws_RKK = generator.multinomial(counts_K, shares_KK, size=(resamples, len(confusion_KK)))
    tail = (1 - level) / 2
    low, high = np.quantile(metric(draws_RKK), (tail, 1 - tail))
    return float(low), float(high)


def macro_f1_sd(confusion_KK: NDArray[np.integer]) -> float:
    """Standard deviation of macro-F1 over other samples with as many of each class.

    Of the first order in the shares of the matrix (the delta method), each row a multinomial as in
    `confusion_interval`, whose resamples scatter as much; but at once, for any number of classes.
    Each class counts as if one more sample of it had been seen, spread evenly over the columns
    (Perks 1947): a few samples without an error are no certainty.
    """
    counts_K = confusion_KK.sum(axis=1)
    met_K = counts_K + confusion_KK.sum(axis=0)
    per_met_K = np.divide(2 / len(counts_K), met_K, out=np.zeros(len(met_K)), where=met_K > 0)
    hits_K = np.diagonal(confusion_KK)
    # A sample more in column j: F1 of j falls by its hits; on the diagonal it is a hit itself.
    slopes_KK = np.diag(per_met_K) - np.divide(
        hits_K * per_met_K, met_K, out=np.zeros(len(met_K)), where=met_K > 0
    )
    shares_KK = (confusion_KK + 1 / len(counts_K)) / (counts_K + 1)[:, None]
    squares_K = (shares_KK * slopes_KK**2).sum(axis=1)
    means_K = (shares_KK * slopes_KK).sum(axis=1)
    variance = (counts_K * (squares_K - means_K**2)).sum()
    return float(np.sqrt(max(variance, 0.0)))

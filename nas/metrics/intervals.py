"""Confidence interval and standard deviation of macro-F1, which pairs of classes decide."""

import numpy as np
from numpy.typing import NDArray

from nas.metrics.confusion import MATRIX_CLASSES, Confusion
from nas.metrics.f1 import f1_of_counts

_DRAWS = 10**8
"""Most draws of pairs: fewer resamples of a larger split, whose interval is the surer."""
_AT_ONCE = 2**22
"""Draws that are kept at once."""


def macro_f1_interval(
    confusion: Confusion, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval (low, high) under a bootstrap stratified by true class.

    Drawing the n samples of a class with replacement is drawing its row of the confusion matrix
    from a multinomial of n trials, so the samples themselves are not needed. Strata keep every
    class in every resample: without them a rare class is now and then absent, and counts as F1 0.
    """
    generator = np.random.default_rng(seed)
    rows = _rows(confusion)
    cells = sum(columns_SC.size for _, columns_SC, _ in rows)
    if not cells:
        return 0.0, 0.0
    resamples = min(resamples, max(_DRAWS // cells, 100))
    macro_f1_R = np.empty(resamples)
    at_once = max(_AT_ONCE // max(cells, confusion.num_classes), 1)
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        macro_f1_R[start : start + size] = _resampled(confusion, rows, size, generator)
    tail = (1 - level) / 2
    low, high = np.quantile(macro_f1_R, (tail, 1 - tail))
    return float(low), float(high)


_Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""S classes of at most C pairs each: the classes (S,), predicted classes and counts (S, C)."""


def _rows(confusion: Confusion) -> list[_Rows]:
    """The pairs in rows of equal length, filled up in front by counts of 0."""
    sizes_K = np.bincount(confusion.true_P, minlength=confusion.num_classes)
    ends_K = np.cumsum(sizes_K)
    # The last cell of a multinomial takes what is left: one for the last class stands in all rows.
    widths_K = np.full(len(sizes_K), sizes_K.max(initial=0) + 1)
    if confusion.num_classes > MATRIX_CLASSES:  # one crowded class would widen all rows
        widths_K = 2 ** np.ceil(np.log2(sizes_K + 1)).astype(np.int64)
    rows: list[_Rows] = []
    for width in np.unique(widths_K[sizes_K > 0]):
        classes_S = np.flatnonzero((widths_K == width) & (sizes_K > 0))
        columns_SC = np.full((len(classes_S), width), confusion.num_classes - 1)
        counts_SC = np.zeros((len(classes_S), width), np.int64)
        for row, k in enumerate(classes_S):
            pairs = slice(ends_K[k] - sizes_K[k], ends_K[k])
            # Behind a pair with the last class there is nothing to stand in for.
            stop = width - (confusion.predicted_P[pairs][-1] != confusion.num_classes - 1)
            columns_SC[row, stop - sizes_K[k] : stop] = confusion.predicted_P[pairs]
            counts_SC[row, stop - sizes_K[k] : stop] = confusion.counts_P[pairs]
        rows.append((classes_S, columns_SC, counts_SC))
    return rows


def _resampled(
    confusion: Confusion, rows: list[_Rows], resamples: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Macro-F1 of each of R resamples."""
    classes = confusion.num_classes
    hits_RK = np.zeros((resamples, classes), np.int64)
    predicted_RK = np.zeros((resamples, classes), np.int64)
    for classes_S, columns_SC, counts_SC in rows:
        totals_S = counts_SC.sum(axis=1)
        shares_SC = counts_SC / totals_S[:, None]
        draws_RSC = generator.multinomial(totals_S, shares_SC, size=(resamples, len(totals_S)))
        hits_RK[:, classes_S] = (draws_RSC * (columns_SC == classes_S[:, None])).sum(axis=2)
        places = np.arange(resamples)[:, None] * classes + columns_SC.ravel()
        drawn = np.bincount(places.ravel(), draws_RSC.ravel(), minlength=resamples * classes)
        predicted_RK += drawn.reshape(resamples, classes).astype(np.int64)
    mean_R: NDArray[np.float64] = f1_of_counts(hits_RK, confusion.samples_K + predicted_RK).mean(1)
    return mean_R


def macro_f1_sd(confusion: Confusion) -> float:
    """Standard deviation of macro-F1 over other samples with as many of each class.

    Of the first order in the shares of the matrix (the delta method), each row a multinomial as in
    `macro_f1_interval`, whose resamples scatter as much; but at once, for any number of classes.
    Each class counts as if one more sample of it had been seen, spread evenly over the columns
    (Perks 1947): a few samples without an error are no certainty.
    """
    samples_K, hits_K = confusion.samples_K, confusion.hits_K
    met_K = samples_K + confusion.predicted_K
    zeros_K = np.zeros(len(met_K))
    per_met_K = np.divide(2 / len(met_K), met_K, out=zeros_K.copy(), where=met_K > 0)
    # A sample more in column j: F1 of j falls by its hits; on the diagonal it is a hit itself.
    falls_K = np.divide(hits_K * per_met_K, met_K, out=zeros_K, where=met_K > 0)

    def mean_K(off_K: NDArray[np.float64], on_K: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean by true class of what has one value per column, and another on the diagonal."""
        pairs_P = confusion.counts_P * off_K[confusion.predicted_P]
        sums_K = confusion.summed(confusion.true_P, pairs_P) + off_K.mean()
        sums_K = sums_K + (hits_K + 1 / len(met_K)) * (on_K - off_K)
        mean: NDArray[np.float64] = sums_K / (samples_K + 1)
        return mean

    squares_K = mean_K(falls_K**2, (per_met_K - falls_K) ** 2)
    means_K = mean_K(-falls_K, per_met_K - falls_K)
    variance = (samples_K * (squares_K - means_K**2)).sum()
    return float(np.sqrt(max(variance, 0.0)))

"""Rank correlations with bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

Values = NDArray[np.float64]
RESAMPLES = 2_000


@dataclass(frozen=True)
class Estimate:
    """A figure and the interval that holds it with 95 %."""

    value: float
    low: float
    high: float

    def __format__(self, digits: str) -> str:
        return "{:+{d}} [{:+{d}}, {:+{d}}]".format(self.value, self.low, self.high, d=digits)

    def __str__(self) -> str:
        return format(self, ".2f")


def spearman(x: Values, y: Values) -> float:
    """Spearman's rho, ties with their mean rank; nan where one of them is constant."""
    return _pearson(rankdata(x), rankdata(y))


def kendall(x: Values, y: Values) -> float:
    """Kendall's tau-b."""
    return float(kendalltau(x, y).statistic)


def partial_spearman(x: Values, y: Values, given: Values) -> float:
    """Spearman's rho of x and y with what both share with `given` taken out.

    The first-order partial correlation of the ranks (Conover 1999, section 5.4).
    """
    xy, xz, yz = spearman(x, y), spearman(x, given), spearman(y, given)
    rest = (1 - xz**2) * (1 - yz**2)
    return (xy - xz * yz) / rest**0.5 if rest > 0 else float("nan")


def bootstrapped(
    statistic: Callable[..., float], *columns: Sequence[float], seed: int = 0
) -> Estimate:
    """The statistic of the columns with its percentile interval over resampled rows."""
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    generator = np.random.default_rng(seed)
    rows = generator.integers(len(arrays[0]), size=(RESAMPLES, len(arrays[0])))
    drawn = [statistic(*(array[row] for array in arrays)) for row in rows]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Estimate(statistic(*arrays), float(low), float(high))


def _pearson(x: Values, y: Values) -> float:
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm > 0 else float("nan")

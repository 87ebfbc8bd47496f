"""Fronts of low cost and high metric, and the hypervolume that they dominate.

Both axes are as they are given: who wants logarithms takes them before. A point at or beyond the
reference in either axis adds nothing.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """The corner from which hypervolume is measured: dearest cost, lowest metric."""

    cost: float
    metric: float


@dataclass
class Staircase:
    """The points that no other point dominates, and their hypervolume."""

    reference: Reference
    costs: list[float] = field(default_factory=list)
    """Rising."""
    metrics: list[float] = field(default_factory=list)
    """Rising, too."""

    def add(self, cost: float, metric: float) -> bool:
        """Take a point in; False if it is dominated, or not better than the reference."""
        if cost >= self.reference.cost or metric <= self.reference.metric:
            return False
        place = bisect_left(self.costs, cost)
        if place and self.metrics[place - 1] >= metric:
            return False
        if place < len(self.costs) and self.costs[place] == cost and self.metrics[place] >= metric:
            return False
        end = place
        while end < len(self.costs) and self.metrics[end] <= metric:
            end += 1
        self.costs[place:end] = [cost]
        self.metrics[place:end] = [metric]
        return True

    def hypervolume(self) -> float:
        """Area between the staircase and the reference, in units of cost times metric."""
        total, right = 0.0, self.reference.cost
        for cost, metric in zip(reversed(self.costs), reversed(self.metrics), strict=True):
            total += (right - cost) * (metric - self.reference.metric)
            right = cost
        return total


def hypervolumes(points: Iterable[tuple[float, float]], reference: Reference) -> Floats:
    """Hypervolume after each point (cost, metric), in order."""
    stairs = Staircase(reference)
    found: list[float] = []
    for cost, metric in points:
        better = stairs.add(cost, metric)
        found.append(stairs.hypervolume() if better or not found else found[-1])
    return np.array(found)


def undominated(costs: Sequence[float] | Floats, metrics: Sequence[float] | Floats) -> list[int]:
    """Places of the points that no other dominates, by rising cost; of equal points the first."""
    order = np.lexsort((-np.asarray(metrics), np.asarray(costs)))
    kept: list[int] = []
    for place in order:
        if not kept or metrics[place] > metrics[kept[-1]]:
            kept.append(int(place))
    return kept

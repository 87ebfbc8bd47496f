"""How much each candidate is expected to add to the front."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nas.search.known_cost.history import History
from nas.search.known_cost.improvement import (
    Staircase,
    error_improvement,
    expected_gain,
    normal_improvement,
    staircase,
)
from nas.search.known_cost.members import Floats, Member, Params, Registry
from nas.search.known_cost.metric_model import FittedMetric

BEYOND = 0.05
"""How far the front's area reaches past the costliest candidate, as a share of the costs' range."""


@dataclass(frozen=True)
class Area:
    """What a front's area is measured in."""

    below: float
    """How far the reference value lies below the front's worst, as a share of the front's rise;
    below 0 it lies within the rise."""
    width: Callable[[Floats], Floats]
    """Where a log-cost lies on the axis of cost."""


AREAS = (Area(0.5, np.asarray), Area(-0.6, np.exp))
"""Taken in turn, as either may be what the user cares for: the whole front by log-cost, far enough
below it that ever cheaper networks are tried; and its upper part, of networks that are usable, by
what they cost. Without the second, noise that hides the front's rise draws all to its cheap end."""


@dataclass(frozen=True)
class Acquisition:
    """Expected growth of the front's area."""

    fitted: FittedMetric
    front: Staircase
    registry: Registry
    seconds: Callable[[Params], float] | None
    area: Area

    def gains(self, members: Sequence[Member]) -> Floats:
        """The growth by a member each; per second where seconds are known."""
        vectors, log_costs = self.registry.arrays(members)
        means, sds = self.fitted.numbers(vectors, log_costs)
        scale = self.fitted.scale
        gains: Floats = expected_gain(
            self.area.width(log_costs),
            scale.unfolded(means),
            sds * scale.spread,
            self.front,
            normal_improvement if scale.best_value is None else error_improvement,
        )
        if self.seconds is None:
            return gains
        seconds: Floats = np.array([self.seconds(member.params) for member in members])
        return np.asarray(gains / seconds)


def acquisition_of(
    fitted: FittedMetric,
    history: History,
    candidates: Sequence[Member],
    registry: Registry,
    seconds: Callable[[Params], float] | None,
    area: Area,
) -> tuple[Acquisition, list[Member]]:
    """The acquisition, and the front of posterior means of what was tried."""
    vectors, log_costs = registry.arrays(history.tried)
    means, _ = fitted.numbers(vectors, log_costs)
    rows = front_rows(log_costs, means)
    costs = area.width(log_costs[rows])
    every = area.width(np.append(log_costs, [member.log_cost for member in candidates]))
    low, high = float(every.min()), float(every.max())
    worst, best = float(means[rows[0]]), float(means[rows[-1]])
    end = high + BEYOND * (high - low) + 1e-9 * max(high, 1.0)
    reference = worst - area.below * (best - worst) - 1e-9
    unfolded = fitted.scale.unfolded(np.append(means[rows], reference))
    steps = staircase(costs, unfolded[:-1], float(unfolded[-1]), end)
    return Acquisition(fitted, steps, registry, seconds, area), [history.tried[row] for row in rows]


def front_rows(log_costs: Floats, values: Floats) -> list[int]:
    """Rows of the points that no other dominates, by rising cost."""
    rows: list[int] = []
    for row in np.lexsort((-values, log_costs)):
        if not rows or values[row] > values[rows[-1]]:
            rows.append(int(row))
    return rows

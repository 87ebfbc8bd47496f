"""How much each candidate is expected to add to the front.

Axes: M members, D columns of an encoded one, F members on the front.
"""

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
        vectors_MD, log_costs_M = self.registry.arrays(members)
        means_M, sds_M = self.fitted.numbers(vectors_MD, log_costs_M)
        scale = self.fitted.scale
        gains_M: Floats = expected_gain(
            self.area.width(log_costs_M),
            scale.unfolded(means_M),
            sds_M * scale.spread,
            self.front,
            normal_improvement if scale.best_value is None else error_improvement,
        )
        if self.seconds is None:
            return gains_M
        seconds: Floats = np.array([self.seconds(member.params) for member in members])
        return np.asarray(gains_M / seconds)


def acquisition_of(
    fitted: FittedMetric,
    history: History,
    candidates: Sequence[Member],
    registry: Registry,
    seconds: Callable[[Params], float] | None,
    area: Area,
) -> tuple[Acquisition, list[Member]]:
    """The acquisition, and the front of posterior means of what was tried."""
    vectors_MD, log_costs_M = registry.arrays(history.tried)
    means_M, _ = fitted.numbers(vectors_MD, log_costs_M)
    rows = front_rows(log_costs_M, means_M)
    costs_F = area.width(log_costs_M[rows])
    every_M = area.width(np.append(log_costs_M, [member.log_cost for member in candidates]))
    low, high = float(every_M.min()), float(every_M.max())
    worst, best = float(means_M[rows[0]]), float(means_M[rows[-1]])
    end = high + BEYOND * (high - low) + 1e-9 * max(high, 1.0)
    reference = worst - area.below * (best - worst) - 1e-9
    unfolded = fitted.scale.unfolded(np.append(means_M[rows], reference))
    steps = staircase(costs_F, unfolded[:-1], float(unfolded[-1]), end)
    return Acquisition(fitted, steps, registry, seconds, area), [history.tried[row] for row in rows]


def front_rows(log_costs_M: Floats, values_M: Floats) -> list[int]:
    """Rows of the points that no other dominates, by rising cost."""
    rows: list[int] = []
    for row in np.lexsort((-values_M, log_costs_M)):
        if not rows or values_M[row] > values_M[rows[-1]]:
            rows.append(int(row))
    return rows

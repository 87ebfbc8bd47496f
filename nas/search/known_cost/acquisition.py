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

BELOW = 0.1
"""How far the reference value lies below the front's worst, as a share of the front's rise."""
BEYOND = 0.05
"""How far the front's area reaches beyond the dearest candidate, as a share of the costs' range."""


@dataclass(frozen=True)
class Acquisition:
    """Expected growth of the front's area, in metric times log-cost."""

    fitted: FittedMetric
    front: Staircase
    registry: Registry
    seconds: Callable[[Params], float] | None

    def gains(self, members: Sequence[Member]) -> Floats:
        """The growth by a member each; per second where seconds are known."""
        vectors, log_costs = self.registry.arrays(members)
        means, sds = self.fitted.numbers(vectors, log_costs)
        scale = self.fitted.scale
        gains: Floats = expected_gain(
            log_costs,
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
) -> tuple[Acquisition, list[Member]]:
    """The acquisition, and the front of posterior means of what was tried."""
    vectors, log_costs = registry.arrays(history.tried)
    means, _ = fitted.numbers(vectors, log_costs)
    rows = front_rows(log_costs, means)
    every = [*log_costs, *(member.log_cost for member in candidates)]
    low, high = min(every), max(every)
    worst, best = float(means[rows[0]]), float(means[rows[-1]])
    end = high + BEYOND * (high - low) + 1e-9
    reference = worst - BELOW * (best - worst) - 1e-9
    unfolded = fitted.scale.unfolded(np.append(means[rows], reference))
    steps = staircase(log_costs[rows], unfolded[:-1], float(unfolded[-1]), end)
    return Acquisition(fitted, steps, registry, seconds), [history.tried[row] for row in rows]


def front_rows(log_costs: Floats, values: Floats) -> list[int]:
    """Rows of the points that no other dominates, by rising cost."""
    rows: list[int] = []
    for row in np.lexsort((-values, log_costs)):
        if not rows or values[row] > values[rows[-1]]:
            rows.append(int(row))
    return rows

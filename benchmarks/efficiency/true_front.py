"""The true front of a problem."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.efficiency.draws import all_members, neighbours, random_member
from benchmarks.efficiency.problem import Problem
from benchmarks.hypervolume import Floats, Reference, hypervolumes, undominated

SAMPLED = 20_000
"""Random members from which a large space's front is climbed."""

Member = tuple[float, float, dict[str, Any]]
"""Cost, metric, parameters."""


@dataclass(frozen=True)
class TrueFront:
    """What the best possible study would find."""

    costs: Floats
    """Rising."""
    metrics: Floats
    """Rising."""
    dearest: float
    """Cost of the dearest member of the space that was seen."""
    worst: float
    """Lowest metric of a member of the space that was seen."""
    exact: bool
    """Whether every member was looked at; else it is the best that sampling and climbing found."""

    def reference(self, kind: str) -> Reference:
        """`nadir` of the front, or `best-8`: the front's best metric less 8 points of a hundred.

        The cost is that of the front's dearest member. A front of one point has no nadir: then the
        dearest cost and the lowest metric of the whole space are taken.
        """
        single = len(self.costs) == 1
        cost = self.dearest if single else float(self.costs[-1])
        if kind == "nadir":
            return Reference(cost, self.worst if single else float(self.metrics[0]))
        return Reference(cost, float(self.metrics[-1]) - float(kind.removeprefix("best-")) / 100)

    def hypervolume(self, reference: Reference) -> float:
        """Of the whole front."""
        points = zip(self.costs.tolist(), self.metrics.tolist(), strict=True)
        return float(hypervolumes(points, reference)[-1])


def true_front(problem: Problem, sampled: int = SAMPLED) -> TrueFront:
    """By enumeration, or for large spaces by climbing from a large sample, which can miss some."""
    if problem.enumerable:
        members = _priced(problem, all_members(problem.define))
        return _front(members, members, exact=True)
    generator = np.random.default_rng(0)
    draws = (random_member(problem.define, generator) for _ in range(sampled))
    sample = _priced(problem, draws)
    return _front(_climb(problem, sample, generator), sample, exact=False)


def _priced(problem: Problem, draws: Iterable[dict[str, Any]]) -> list[Member]:
    """Members of the problem among the draws: those with a finite cost."""
    priced = ((problem.cost(params), params) for params in draws)
    return [(c, problem.metric(p), p) for c, p in priced if np.isfinite(c)]


def _climb(problem: Problem, sample: list[Member], generator: np.random.Generator) -> list[Member]:
    """The front once no single change of any of its members improves it."""
    front, expanded = _best(sample), set()
    while True:
        fresh = [member for member in front if problem.key(member[2]) not in expanded]
        if not fresh:
            return front
        for _, _, params in fresh:
            expanded.add(problem.key(params))
            near = neighbours(problem.define, params, generator)
            front = _best([*front, *_priced(problem, near)])


def _best(members: list[Member]) -> list[Member]:
    kept = undominated([cost for cost, _, _ in members], [metric for _, metric, _ in members])
    return [members[place] for place in kept]


def _front(best: list[Member], seen: list[Member], exact: bool) -> TrueFront:
    front = _best(best)
    return TrueFront(
        np.array([cost for cost, _, _ in front]),
        np.array([metric for _, metric, _ in front]),
        max(cost for cost, _, _ in seen),
        min(metric for _, metric, _ in seen),
        exact,
    )

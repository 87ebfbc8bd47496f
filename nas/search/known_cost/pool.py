"""Candidates that were drawn and not tried yet, and those that a study begins with.

Axes: M candidates, T tried members, D columns of an encoded one.
"""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from nas.search.known_cost.members import Floats, Member, Registry

OPENING_TRIALS = 4
FIRST, CHEAP, DEAR = 0.5, 0.02, 0.9
"""Quantiles of cost, of uniform draws, with which it begins."""
STRATUM = 0.06
"""Part of the candidates, in order of cost, from which the next one is taken."""
CHOICE = 4
"""Of so many in the stratum the one that differs most from all tried is taken."""


def opening_member(
    candidates: Sequence[Member],
    tried: Sequence[Member],
    registry: Registry,
    generator: np.random.Generator,
) -> Member:
    """The candidate for the next of the first trials.

    They are random ones, but spread evenly over the quantiles of cost of uniform draws. One that
    differed most from all others would be an odd one: rather the more different of a few.
    """
    ordered = sorted(candidates, key=lambda member: member.log_cost)
    log_costs_M = np.array([member.log_cost for member in ordered])
    places_T = np.searchsorted(log_costs_M, [member.log_cost for member in tried]) / len(ordered)
    quantile = _next_quantile(places_T)
    low = int(max(quantile - STRATUM / 2, 0) * len(ordered))
    high = max(int((quantile + STRATUM / 2) * len(ordered)), low + 1)
    near = [ordered[low + int(row)] for row in generator.integers(high - low, size=CHOICE)]
    if not tried:
        return near[0]
    vectors_MD, others_TD = registry.arrays(near)[0], registry.arrays(tried)[0]
    distances_M = np.sum((vectors_MD[:, None] - others_TD) ** 2, axis=2).min(axis=1)
    return near[int(np.argmax(distances_M))]


def _next_quantile(places_T: Floats) -> float:
    """The middle first, then the cheap and the expensive end, then the middle of the widest gap."""
    if len(places_T) < 3:
        return (FIRST, CHEAP, DEAR)[len(places_T)]
    edges = np.sort(np.clip(np.append(places_T, (CHEAP, DEAR)), CHEAP, DEAR))
    widest = int(np.argmax(np.diff(edges)))
    return float((edges[widest] + edges[widest + 1]) / 2)


class Pool:
    """Feasible members that no trial has, by key."""

    def __init__(self) -> None:
        self._members: dict[Hashable, Member] = {}

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> list[Member]:
        return list(self._members.values())

    def add(self, members: Iterable[Member], taken: set[Hashable]) -> list[Member]:
        """Take in those that are feasible, not taken and new; returns these."""
        fresh = []
        for member in members:
            if member.feasible and member.key not in taken and member.key not in self._members:
                self._members[member.key] = member
                fresh.append(member)
        return fresh

    def drop(self, keys: Iterable[Hashable]) -> None:
        """Forget members."""
        for key in keys:
            self._members.pop(key, None)

    def keep_best(self, gains_M: Floats, count: int) -> list[Member]:
        """Forget all but those with the highest gains; returns these, the best first."""
        members = self.members
        best = [members[row] for row in np.argsort(-gains_M, kind="stable")[:count]]
        self._members = {member.key: member for member in best}
        return best

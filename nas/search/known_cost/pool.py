"""Members of a space drawn at random or made from others; those that were not tried yet."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import inf, log
from typing import Any

import numpy as np

from nas.search.known_cost.members import Floats, Member, Params, Registry
from nas.search.known_cost.replay import Replay, SpaceFunction

UNIFORM_DRAWS = 400
"""Uniform draws that a proposal chooses among."""
ENOUGH = 40
"""Candidates that are enough to choose among."""
MOST_DRAWS = 20_000
"""Uniform draws until one is found that may be proposed: 1 in 5,000 is nearly always."""
MORE_CHANGES = 0.7
"""Mean number of parameters that a mutant changes besides the first."""


class Drawer:
    """Draws members; parameters in `fixed` have the values given there."""

    def __init__(
        self,
        space: SpaceFunction,
        registry: Registry,
        generator: np.random.Generator,
        fixed: Params,
    ) -> None:
        self._space = space
        self._registry = registry
        self._generator = generator
        self._fixed = dict(fixed)

    def pool(
        self,
        drawn: list[Member],
        tried: Sequence[Member],
        taken: set[Hashable],
        least_cost: float = 0.0,
    ) -> "Pool":
        """Those drawn at random that are new; where few may be proposed also some made from others.

        None is cheaper than `least_cost`, unless no other was found.
        """
        dear, every = Pool(least_cost), Pool()
        for _ in range(MOST_DRAWS // UNIFORM_DRAWS):
            self._fill(dear, every, drawn, taken)
            parents = dear.members or every.members or tried
            if len(dear) < ENOUGH and parents:
                self._fill(dear, every, self.offspring(parents, UNIFORM_DRAWS), taken)
            if parents:
                break
            drawn = self.uniform(UNIFORM_DRAWS)
        return dear if len(dear) else every

    def _fill(
        self, dear: "Pool", every: "Pool", members: list[Member], taken: set[Hashable]
    ) -> None:
        dear.add(members, taken)
        every.add(members, taken)

    def uniform(self, count: int) -> list[Member]:
        """Any members."""
        return [self._replayed({}) for _ in range(count)]

    def mutant(self, parent: Params) -> Member:
        """A member that differs from another in a parameter or a few: by a bit, or altogether."""
        names = [name for name in parent if name not in self._fixed]
        changes = min(1 + int(self._generator.poisson(MORE_CHANGES)), len(names))
        chosen = [names[place] for place in self._generator.permutation(len(names))[:changes]]
        nudged = frozenset(name for name in chosen if self._generator.uniform() < 0.5)
        redrawn = set(chosen) - nudged
        kept = {name: value for name, value in parent.items() if name not in redrawn}
        return self._replayed(kept, nudged)

    def child(self, mother: Params, father: Params) -> Member:
        """A member that takes each parameter from one of two others."""
        mixed = dict(mother)
        for name, value in father.items():
            if name not in mother or self._generator.uniform() < 0.5:
                mixed[name] = value
        return self._replayed(mixed)

    def offspring(self, parents: Sequence[Member], count: int) -> list[Member]:
        """Mutants, and a third as many children, of the parents."""
        return [self._one_of(parents, crossed=index % 4 == 3) for index in range(count)]

    def _one_of(self, parents: Sequence[Member], crossed: bool) -> Member:
        mother, father = self._generator.integers(len(parents), size=2)
        if crossed:
            return self.child(parents[mother].params, parents[father].params)
        return self.mutant(parents[mother].params)

    def _replayed(self, inherited: Params, nudged: frozenset[str] = frozenset()) -> Member:
        replay = Replay(self._generator, {**inherited, **self._fixed}, nudged)
        self._space(replay)
        return self._registry.member(replay.params, replay.distributions)


def complete_params(space: SpaceFunction, params: Mapping[str, Any]) -> Replay | None:
    """The replay of a member's parameters, or None where they are those of no member."""
    replay = Replay(np.random.default_rng(0), params)
    space(replay)
    whole = not replay.drawn and replay.params.keys() == params.keys()
    return replay if whole else None


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
    """Feasible members that no trial has and that cost enough, by key."""

    def __init__(self, least_cost: float = 0.0) -> None:
        self._members: dict[Hashable, Member] = {}
        self._least = log(least_cost) if least_cost > 0 else -inf

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> list[Member]:
        return list(self._members.values())

    def add(self, members: Iterable[Member], taken: set[Hashable]) -> list[Member]:
        """Take in those that serve, are not taken and new; returns these."""
        fresh = []
        for member in members:
            if not member.feasible or member.log_cost < self._least:
                continue
            if member.key not in taken and member.key not in self._members:
                self._members[member.key] = member
                fresh.append(member)
        return fresh

    def keep_best(self, gains_M: Floats, count: int) -> list[Member]:
        """Forget all but those with the highest gains; returns these, the best first."""
        members = self.members
        best = [members[row] for row in np.argsort(-gains_M, kind="stable")[:count]]
        self._members = {member.key: member for member in best}
        return best

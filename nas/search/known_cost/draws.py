"""Members of a space, drawn at random or made from others."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nas.search.known_cost.members import Member, Params, Registry
from nas.search.known_cost.replay import Replay, SpaceFunction

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

    def uniform(self) -> Member:
        """Any member."""
        return self._replayed({})

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

"""Choices of a space that no member within the budget has, as far as a search for one can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.search.known_cost.replay import Replay
from nas.search.pricing import Priced, PricedSpace

TRIES = 300
"""Members with a choice that are looked at before it counts as one that the budget leaves out."""

Pair = tuple[str, str]
"""A parameter and its value, as words."""


@dataclass(frozen=True)
class SampledMember:
    """A member that was drawn: its parameters, and how far over the budget it is."""

    params: dict[str, Any]
    excess: float

    @classmethod
    def of(cls, params: dict[str, Any], network: Priced) -> "SampledMember":
        """The member of these parameters."""
        return cls(params, network.excess)

    @property
    def within(self) -> bool:
        """Whether the budget holds it."""
        return self.excess <= 0

    @property
    def pairs(self) -> set[Pair]:
        """What it has."""
        return {(name, str(value)) for name, value in self.params.items()}


class UnusedChoices:
    """Looks for members within the budget that have a choice which a sample shows only outside.

    From the member of the sample that has the choice and is least over the budget, one parameter
    or two are drawn anew at a time, and what comes nearer to the budget is kept: so a choice is not
    named for bad luck, as it would be after random draws of which a small share is within.
    """

    def __init__(self, space: PricedSpace, generator: np.random.Generator) -> None:
        self.space = space
        self.generator = generator

    def of(self, draws: Sequence[SampledMember]) -> tuple[str, ...]:
        """`parameter = value` of each choice that was drawn, and found in no member within.

        Every choice, if the budget holds none.
        """
        nearest: dict[Pair, SampledMember] = {}
        for draw in sorted(draws, key=lambda item: item.excess):
            for pair in draw.pairs:
                nearest.setdefault(pair, draw)
        unused = {pair for pair, draw in nearest.items() if not draw.within}
        none_within = bool(unused) and len(unused) == len(nearest)
        if none_within and not self._found(None, min(draws, key=lambda item: item.excess)):
            return _named(unused)
        for pair in sorted(unused):
            if pair in unused:
                unused -= self._found(pair, nearest[pair])
        return _named(unused)

    def _found(self, pair: Pair | None, start: SampledMember) -> set[Pair]:
        """What a member within the budget that has the pair has; nothing where none is found."""
        best = start
        for _ in range(TRIES):
            trial = Replay(self.generator, self._kept(best.params))
            draw = SampledMember.of(trial.params, self.space.draw(trial))
            if (pair is None or pair in draw.pairs) and draw.excess <= best.excess:
                best = draw
                if best.within:
                    return best.pairs
        return set()

    def _kept(self, params: dict[str, Any]) -> dict[str, Any]:
        """All but one parameter or two."""
        count = min(len(params), 1 + int(self.generator.integers(2)))
        dropped = set(self.generator.choice(sorted(params), count, replace=False))
        return {name: value for name, value in params.items() if name not in dropped}


def _named(pairs: set[Pair]) -> tuple[str, ...]:
    return tuple(sorted(f"{name} = {value}" for name, value in pairs))

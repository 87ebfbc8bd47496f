"""What a budget leaves of a space, as far as a search for members within it can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.errors import NasError
from nas.runs.costs import MACS_KIND, PARAMETERS_KIND
from nas.search.known_cost.replay import Replay
from nas.search.pricing import Priced, PricedSpace
from nas.spec.trial import RandomTrial

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
        if none_within and not self.nearest(draws).within:
            return _named(unused)
        for pair in sorted(unused):
            if pair in unused:
                unused -= self._found(pair, nearest[pair])
        return _named(unused)

    def nearest(self, draws: Sequence[SampledMember], tries: int = TRIES) -> SampledMember:
        """A member within the budget, or else the one least over it that was found."""
        return self._towards(min(draws, key=lambda item: item.excess), None, tries)

    def _found(self, pair: Pair, start: SampledMember) -> set[Pair]:
        """What a member within the budget that has the pair has; nothing where none is found."""
        best = self._towards(start, pair, TRIES)
        return best.pairs if best.within else set()

    def _towards(self, start: SampledMember, pair: Pair | None, tries: int) -> SampledMember:
        best = start
        for _ in range(tries):
            if best.within:
                break
            trial = Replay(self.generator, self._kept(best.params))
            draw = SampledMember.of(trial.params, self.space.draw(trial))
            if (pair is None or pair in draw.pairs) and draw.excess <= best.excess:
                best = draw
        return best

    def _kept(self, params: dict[str, Any]) -> dict[str, Any]:
        """All but one parameter or two."""
        count = min(len(params), 1 + int(self.generator.integers(2)))
        dropped = set(self.generator.choice(sorted(params), count, replace=False))
        return {name: value for name, value in params.items() if name not in dropped}


DRAWS, FURTHER_TRIES = 200, 3_000
"""Random members, and changes of the nearest one, before a budget counts as one that none meets."""


def check_budget(space: PricedSpace) -> None:
    """Raises NasError with the nearest network that was found, where none within the budget was."""
    generator = np.random.default_rng(0)
    draws = []
    for number in range(DRAWS):
        trial = RandomTrial(generator, number)
        draws.append(SampledMember.of(trial.params, space.draw(trial)))
        if draws[-1].within:
            return
    nearest = UnusedChoices(space, generator).nearest(draws, FURTHER_TRIES)
    if nearest.within:
        return
    network, budget = space.priced(nearest.params), space.budget
    costs: dict[str, float] = {"macs": network.cost.macs, "parameters": network.cost.parameters}
    costs |= space.objectives.count_bounded(network)
    kinds = (MACS_KIND, PARAMETERS_KIND, *(item.kind for item in space.objectives.bounded))
    bounds = [(kind, budget.of_cost(kind.name)) for kind in kinds]
    said = [
        f"{kind.phrase(costs[kind.name])}, where {kind.text(bound)} are allowed"
        for kind, bound in bounds
        if bound is not None and costs[kind.name] > bound
    ]
    raise NasError(
        "no network of the space was found within this budget: the nearest of "
        f"{DRAWS + FURTHER_TRIES:,} that were tried has {'; '.join(said)}; raise the bound, or "
        "give the space smaller choices",
        key="budget",
    )


def _named(pairs: set[Pair]) -> tuple[str, ...]:
    return tuple(sorted(f"{name} = {value}" for name, value in pairs))

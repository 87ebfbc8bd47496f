"""What a search space holds: how many networks, what they cost, which choices fit the budget."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from nas.macs.architecture import count_architecture
from nas.model.identity import architecture_hash
from nas.spec.members import TooManyMembers, count_draws, count_members
from nas.spec.space import SpaceSpec
from nas.spec.trial import RandomTrial


@dataclass(frozen=True)
class Spread:
    """Five quantiles of a figure over the sample."""

    minimum: int
    lower_quartile: int
    median: int
    upper_quartile: int
    maximum: int


@dataclass(frozen=True)
class Survey:
    """What `nas space check` tells."""

    members: int
    members_exact: bool
    """False where `members` counts ways to draw, which is at least the number of networks."""
    sampled: int
    distinct_sampled: int
    macs: Spread
    parameters: Spread
    share_within_budget: float
    unused_choices: tuple[str, ...]
    """`parameter = value` of choices that no sampled member within the budget has."""
    outputs: tuple[str, ...]
    """Shapes in which the layers of members end."""


def survey_space(space: SpaceSpec, *, samples: int = 200, seed: int = 0) -> Survey:
    """Count the members, and price a random sample of them."""
    members, exact = _count(space)
    generator = np.random.default_rng(seed)
    draws: list[tuple[RandomTrial, bool]] = []
    macs, parameters, hashes = [], [], set()
    for number in range(samples):
        draw = RandomTrial(generator, number)
        architecture = space.sample(draw)
        report = count_architecture(architecture)
        macs.append(report.total)
        parameters.append(report.parameters)
        hashes.add(architecture_hash(architecture))
        draws.append((draw, space.budget.excess(report.total, report.parameters) <= 0))
    shapes = {"x".join(map(str, state.shape)) for state in space.outputs}
    return Survey(
        members=members,
        members_exact=exact,
        sampled=samples,
        distinct_sampled=len(hashes),
        macs=_spread(macs),
        parameters=_spread(parameters),
        share_within_budget=sum(within for _, within in draws) / samples,
        unused_choices=_unused(draws),
        outputs=tuple(sorted(shapes)),
    )


def _count(space: SpaceSpec) -> tuple[int, bool]:
    try:
        return count_members(space), True
    except TooManyMembers:
        return count_draws(space), False


def _spread(values: list[int]) -> Spread:
    return Spread(*(round(value) for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])))


def _unused(draws: list[tuple[RandomTrial, bool]]) -> tuple[str, ...]:
    """Choices that were drawn, but never by a member within the budget."""
    drawn: Counter[tuple[str, str]] = Counter()
    used: Counter[tuple[str, str]] = Counter()
    for draw, within in draws:
        pairs = {(name, str(value)) for name, value in draw.params.items()}
        drawn.update(pairs)
        if within:
            used.update(pairs)
    often = 3  # a choice that was drawn once or twice may have had bad luck
    return tuple(
        sorted(
            f"{name} = {value}"
            for (name, value), n in drawn.items()
            if n >= often and not used[name, value]
        )
    )

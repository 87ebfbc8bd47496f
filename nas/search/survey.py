"""Survey of a search space: number of networks, their costs, choices outside the budget."""

from collections import Counter
from dataclasses import astuple, dataclass

import numpy as np

from nas.report.tables import classes_text
from nas.runs.costs import MACS_KIND, PARAMETERS_KIND
from nas.search.objective import Objectives
from nas.search.pricing import PricedSpace
from nas.spec.members import TooManyMembers, count_draws, count_members
from nas.spec.quantity import count_text
from nas.spec.search import METRIC_OBJECTIVE
from nas.spec.space import SpaceSpec
from nas.spec.trial import RandomTrial

SHOWN = 12
"""Unused choices that are named."""


@dataclass(frozen=True)
class CostSpread:
    """Five quantiles of a figure over the sample."""

    minimum: int
    lower_quartile: int
    median: int
    upper_quartile: int
    maximum: int

    def text(self) -> str:
        """`min 1.2 M, 25 % 2 M, median 3 M, 75 % 4 M, max 5 M`."""
        words = ("min", "25 %", "median", "75 %", "max")
        return ", ".join(
            f"{word} {count_text(value)}" for word, value in zip(words, astuple(self), strict=True)
        )


@dataclass(frozen=True)
class Survey:
    """Result of `nas space check`."""

    members: int
    members_exact: bool
    """False where `members` counts ways to draw, which is at least the number of networks."""
    sampled: int
    distinct_sampled: int
    macs: CostSpread
    parameters: CostSpread
    share_within_budget: float
    unused_choices: tuple[str, ...]
    """`parameter = value` of choices that no sampled member within the budget has."""
    outputs: tuple[str, ...]
    """Shapes in which the layers of members end."""


def survey_space(space: SpaceSpec, *, samples: int = 200, seed: int = 0) -> Survey:
    """Count the members, and price a random sample of them."""
    members, exact = _count(space)
    priced_space = PricedSpace(space, space.budget)
    generator = np.random.default_rng(seed)
    draws: list[tuple[RandomTrial, bool]] = []
    macs, parameters, hashes = [], [], set()
    for number in range(samples):
        draw = RandomTrial(generator, number)
        network = priced_space.draw(draw)
        macs.append(network.cost.macs)
        parameters.append(network.cost.parameters)
        hashes.add(network.key)
        draws.append((draw, network.excess <= 0))
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


def _spread(values: list[int]) -> CostSpread:
    return CostSpread(*(round(value) for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])))


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


def survey_lines(space: SpaceSpec, survey: Survey, requirement: str) -> list[str]:
    """What `nas space check` says; `requirement` is what the task needs and how it is met."""
    kind = "distinct networks, counted exactly"
    if not survey.members_exact:
        kind = "ways to draw a network, more than can be told apart: at most as many networks"
    classes = classes_text(len(space.classes))
    lines = [
        f"{space.name}: task {space.task}, {len(space.layers)} layers, {classes}",
        f"members     {survey.members:,} {kind}",
        f"sample      {survey.sampled} drawn at random, {survey.distinct_sampled} of them distinct",
        f"MACs        {survey.macs.text()}",
        f"parameters  {survey.parameters.text()}",
    ]
    if bounds := _bounds(space):
        share = f"{survey.share_within_budget:.1%} of the sample within"
        lines.append(f"budget      {', '.join(bounds)}: {share}")
    lines.append(f"requires    {requirement}")
    if survey.unused_choices:
        lines.append("no sampled member within the budget has:")
        lines += [f"  {choice}" for choice in survey.unused_choices[:SHOWN]]
        if more := len(survey.unused_choices[SHOWN:]):
            lines.append(f"  and {more} more")
    return lines


def _bounds(space: SpaceSpec) -> list[str]:
    """What the budget bounds, each with its bound."""
    budget = space.budget
    others = Objectives.of(METRIC_OBJECTIVE, budget=budget).bounded
    known = [
        (MACS_KIND, budget.max_macs),
        (PARAMETERS_KIND, budget.max_params),
        *((item.kind, budget.max[item.name]) for item in others),
    ]
    return [f"at most {kind.phrase(bound)}" for kind, bound in known if bound is not None]

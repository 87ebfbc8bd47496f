"""Survey of a search space: number of networks, their costs, choices outside the budget."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np

from nas.report.tables import classes_text
from nas.runs.costs import MACS_KIND, PARAMETERS_KIND
from nas.search.budget_check import TRIES, SampledMember, UnusedChoices
from nas.search.objective import Objectives
from nas.search.pricing import PricedSpace
from nas.spec.members import TooManyMembers, count_draws, count_members
from nas.spec.quantity import count_text
from nas.spec.search import METRIC_OBJECTIVE
from nas.spec.small_maps import SmallMap, small_map
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
    """`parameter = value` of choices that no member within the budget was found to have."""
    unused_tries: int
    """Members with such a choice, and without it, that were looked at besides the sample."""
    small_maps: Mapping[str, int]
    """Sampled members whose maps have a side of 1 before their last stage, by where that begins:
    `1x1 behind m4`; most first."""
    outputs: tuple[str, ...]
    """Shapes in which the layers of members end."""


def survey_space(space: SpaceSpec, *, samples: int = 200, seed: int = 0) -> Survey:
    """Count the members, and price a random sample of them."""
    members, exact = _count(space)
    priced_space = PricedSpace(space, space.budget)
    generator = np.random.default_rng(seed)
    draws: list[SampledMember] = []
    macs, parameters, hashes = [], [], set()
    small: Counter[SmallMap] = Counter()
    for number in range(samples):
        draw = RandomTrial(generator, number)
        network = priced_space.draw(draw)
        macs.append(network.cost.macs)
        parameters.append(network.cost.parameters)
        hashes.add(network.key)
        draws.append(SampledMember.of(draw.params, network))
        if (found := small_map(network.architecture)) is not None:
            small[found] += 1
    shapes = {"x".join(map(str, state.shape)) for state in space.outputs}
    return Survey(
        members=members,
        members_exact=exact,
        sampled=samples,
        distinct_sampled=len(hashes),
        macs=_spread(macs),
        parameters=_spread(parameters),
        share_within_budget=sum(draw.within for draw in draws) / samples,
        unused_choices=UnusedChoices(priced_space, generator).of(draws),
        unused_tries=TRIES,
        small_maps={place.text: count for place, count in small.most_common()},
        outputs=tuple(sorted(shapes)),
    )


def _count(space: SpaceSpec) -> tuple[int, bool]:
    try:
        return count_members(space), True
    except TooManyMembers:
        return count_draws(space), False


def _spread(values: list[int]) -> CostSpread:
    return CostSpread(*(round(value) for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])))


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
    return [*lines, *_small_map_lines(survey), *_unused_lines(survey)]


def _small_map_lines(survey: Survey) -> list[str]:
    if not survey.small_maps:
        return []
    total = sum(survey.small_maps.values())
    where = ", ".join(f"{count} {place}" for place, count in survey.small_maps.items())
    return [
        f"small maps  {total} of {survey.sampled} have maps with a side of 1 before their last "
        f"stage, where windows see only padding: {where}",
        "            a larger --input or a space of fewer strides would use those stages",
    ]


def _unused_lines(survey: Survey) -> list[str]:
    if not survey.unused_choices:
        return []
    tries = f"in the sample and {survey.unused_tries} tries towards the budget with each choice"
    lines = [
        f"no member within the budget was found with ({tries}):",
        *(f"  {choice}" for choice in survey.unused_choices[:SHOWN]),
    ]
    more = len(survey.unused_choices[SHOWN:])
    return [*lines, f"  and {more} more"] if more else lines


def _bounds(space: SpaceSpec) -> list[str]:
    """What the budget bounds, each with its bound."""
    budget = space.budget
    others = Objectives.of(METRIC_OBJECTIVE, budget=budget).bounded
    known = [
        (MACS_KIND, budget.max_macs),
        (PARAMETERS_KIND, budget.max_params),
        *((item.kind, budget.bounds[item.name]) for item in others),
    ]
    return [f"at most {kind.phrase(bound)}" for kind, bound in known if bound is not None]

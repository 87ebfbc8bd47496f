"""Choices that a budget leaves out, against all members of a space."""

from itertools import product

import numpy as np
import pytest

from nas.errors import NasError
from nas.search.budget_check import SampledMember, UnusedChoices, check_budget
from nas.search.objective import Objectives
from nas.search.pricing import PricedSpace
from nas.spec.budget import BudgetSpec
from nas.spec.space import SpaceSpec, load_space, parse_space
from nas.spec.trial import GivenTrial, RandomTrial

WIDE = """
input: {channels: 3, height: 8, width: 8}
classes: 2
layers:
"""
LAYER = "  - {{name: l{}, block: Conv, out: [8, 16, 24, 32], kernel: [1, 3], repeat: [1, 2]}}\n"


def found(space: SpaceSpec, max_macs: int, samples: int) -> tuple[str, ...]:
    priced = PricedSpace(space, BudgetSpec(max_macs=max_macs))
    generator = np.random.default_rng(0)
    draws = []
    for _ in range(samples):
        draw = RandomTrial(generator)
        network = priced.draw(draw)
        draws.append(SampledMember.of(draw.params, network))
    return UnusedChoices(priced, generator).of(draws)


@pytest.mark.parametrize("max_macs", [13_000, 16_000, 20_000, 40_000])
def test_what_no_member_of_a_small_space_has(max_macs: int) -> None:
    space = load_space("tiny.yaml")
    priced = PricedSpace(space, BudgetSpec(max_macs=max_macs))
    stem, repeat, positions = (0, 1), (1, 2), (0, 1, 2)
    members = [
        {"stem.out.position": a, "body.repeat": b, "body.block": "ShuffleNetV2"}
        for a, b in product(stem, repeat)
    ]
    members += [
        {
            "stem.out.position": a,
            "body.repeat": b,
            "body.block": "InvertedResidualv2",
            "body.InvertedResidualv2.out.position": c,
            "body.InvertedResidualv2.expand": d,
        }
        for a, b, c, d in product(stem, repeat, positions, (1, 2, 3))
    ]
    every, used = set(), set()
    for params in members:
        pairs = {f"{name} = {value}" for name, value in params.items()}
        every |= pairs
        if priced.draw(GivenTrial(params)).excess <= 0:
            used |= pairs
    assert set(found(space, max_macs, samples=300)) == every - used


def test_no_choice_is_named_for_bad_luck() -> None:
    """Hardly a member is within, but the cheapest has room for any width of its first layer."""
    space = parse_space(WIDE + "".join(map(LAYER.format, range(6))))
    priced, generator = PricedSpace(space, BudgetSpec()), np.random.default_rng(1)
    draws = [RandomTrial(generator) for _ in range(2_000)]
    macs = [priced.draw(draw).cost.macs for draw in draws]
    names = {name for draw in draws for name in draw.params}
    least = {name: min(draw.params[name] for draw in draws) for name in names}
    most = {
        name: max(draw.params[name] for draw in draws) for name in names if name[:6] == "l0.out"
    }
    bound = priced.draw(GivenTrial(least | most)).cost.macs
    assert sum(item <= bound for item in macs) <= 20
    unused = found(space, bound, samples=200)
    assert not [choice for choice in unused if choice.startswith("l0.out")]


def test_a_budget_below_all_members_leaves_every_choice_out() -> None:
    unused = found(load_space("tiny.yaml"), 1_000, samples=100)
    assert {"stem.out.position = 0", "stem.out.position = 1", "body.repeat = 1"} <= set(unused)


@pytest.mark.parametrize(("bound", "allowed"), [(12_000, False), (13_000, True)])
def test_a_budget_that_no_member_meets_is_refused_with_the_nearest(
    bound: int, allowed: bool
) -> None:
    space = load_space("tiny.yaml")
    cheapest = min(
        PricedSpace(space, BudgetSpec()).draw(RandomTrial(np.random.default_rng(seed))).cost.macs
        for seed in range(200)
    )
    assert 12_000 < cheapest <= 13_000
    priced = PricedSpace(space, BudgetSpec(max_macs=bound))
    if allowed:
        check_budget(priced)
        return
    with pytest.raises(NasError, match=r"the nearest .* has 12\.\d k MACs, where 12\.0 k are"):
        check_budget(priced)


@pytest.mark.slow
def test_a_rare_member_within_the_memory_of_a_device_is_found() -> None:
    space = load_space("shufflenet.yaml")
    budget = BudgetSpec(max_ram="22KiB", max_flash="140kB")
    priced = PricedSpace(space, budget, Objectives.of("macro_f1", budget=budget))
    generator = np.random.default_rng(0)
    assert not any(priced.draw(RandomTrial(generator)).excess <= 0 for _ in range(200))
    check_budget(priced)

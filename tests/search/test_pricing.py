"""The fast price of a network is the price of the network, and its parameters draw the same."""

import math
from functools import cache

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.macs.architecture import count_architecture
from nas.search import pricing
from nas.search.candidates import price
from nas.search.known_cost.replay import Replay
from nas.search.pricing import PricedSpace
from nas.spec.budget import BudgetSpec
from nas.spec.load import installed_spaces
from nas.spec.space import load_space, parse_space
from nas.spec.trial import GivenTrial, RandomTrial

from .conftest import SPACE


@cache
def installed(name: str) -> PricedSpace:
    """One for all examples: what one of them left behind must not change another."""
    space = load_space(name)
    return PricedSpace(space, space.budget)


@pytest.mark.slow
@given(name=st.sampled_from(installed_spaces()), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_equals_the_slow_way(name: str, seed: int) -> None:
    fast = installed(name)
    draw = RandomTrial(np.random.default_rng(seed))
    drawn = fast.space.sample(draw)
    slow = price(drawn)
    assert fast.priced(draw.params).architecture == drawn
    assert fast.key(draw.params) == slow.architecture_hash
    found = fast.priced(draw.params)
    assert (found.cost.macs, found.cost.parameters) == (slow.macs, slow.parameters)
    memory = count_architecture(drawn).memory
    sizes = {"flash_int8_bytes": memory.flash_int8, "ram_int8_bytes": memory.ram_int8}
    assert found.excess == fast.budget.excess(slow.macs, slow.parameters, sizes)
    assert fast.cost(draw.params) == (math.inf if found.excess > 0 else slow.macs)


@pytest.mark.parametrize("name", installed_spaces())
def test_asks_a_trial_what_sampling_asks(name: str) -> None:
    fast = installed(name)
    for seed in range(20):
        slow_study, fast_study = (
            optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)) for _ in range(2)
        )
        slow, quick = slow_study.ask(), fast_study.ask()
        expected, found = fast.space.sample(slow), fast.draw(quick)
        assert found.architecture == expected
        assert quick.params == slow.params
        assert quick.distributions == slow.distributions
        assert list(quick.params) == list(slow.params)


def test_order_of_the_parameters_does_not_matter() -> None:
    fast, draw = installed("shufflenet.yaml"), RandomTrial(np.random.default_rng(0))
    fast.space.sample(draw)
    turned = dict(reversed(draw.params.items()))
    assert fast.key(turned) == fast.key(draw.params)
    assert fast.cost(turned) == fast.cost(draw.params)


def test_a_missing_parameter_is_an_error() -> None:
    fast, draw = installed("tiny.yaml"), RandomTrial(np.random.default_rng(0))
    fast.space.sample(draw)
    with pytest.raises(KeyError, match=r"body\.block"):
        fast.cost({name: value for name, value in draw.params.items() if name != "body.block"})


def test_over_budget_is_infinite() -> None:
    space = parse_space(SPACE)
    params = {"stem.out": 64, "stem.kernel.position": 1, "body.out.position": 0, "body.repeat": 1}
    macs, parameters = (
        (found := PricedSpace(space, BudgetSpec()).priced(params)).cost.macs,
        found.cost.parameters,
    )
    for budget, fits in (
        (BudgetSpec(max_macs=macs), True),
        (BudgetSpec(max_macs=macs - 1), False),
        (BudgetSpec(max_params=parameters), True),
        (BudgetSpec(max_params=parameters - 1), False),
    ):
        assert PricedSpace(space, budget).cost(params) == (macs if fits else math.inf)


def test_what_is_forgotten_is_priced_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pricing, "MAX_PARTS", 7)
    monkeypatch.setattr(pricing, "MAX_NETWORKS", 3)
    space = load_space("mbconv.yaml")
    little, generator = PricedSpace(space, space.budget), np.random.default_rng(0)
    for _ in range(30):
        draw = RandomTrial(generator)
        space.sample(draw)
        assert little.priced(draw.params).cost == installed("mbconv.yaml").priced(draw.params).cost


def test_convolution_outputs_are_those_of_the_layers() -> None:
    """Worked by hand: 8 x 8 pixels become 4 x 4 at stride 2, and stay so."""
    params = {"stem.out": 8, "stem.kernel.position": 1, "body.out.position": 2, "body.repeat": 2}
    found = PricedSpace(parse_space(SPACE), BudgetSpec()).priced(params)
    assert found.cost.convolution_outputs == (8 + 12 + 12) * 4 * 4


def test_layers_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    space = parse_space(SPACE)
    fast = PricedSpace(space, BudgetSpec())
    params = {"stem.out": 8, "stem.kernel.position": 1, "body.out.position": 2, "body.repeat": 2}
    fast.priced(params)
    monkeypatch.setattr(pricing, "step_cost", None)  # would be called for a new layer
    again = fast.priced(dict(reversed(params.items())))
    assert again.architecture == space.sample(GivenTrial(params))
    with pytest.raises(TypeError):
        fast.priced(params | {"stem.out": 12})


def test_a_replay_is_asked_by_the_distribution_and_its_network_is_known_then() -> None:
    space = parse_space(SPACE)
    fast = PricedSpace(space, space.budget)
    for seed in range(40):
        direct, replay = Replay(np.random.default_rng(seed)), Replay(np.random.default_rng(seed))
        drawn = space.sample(direct)
        found = fast.draw(replay)
        assert found.architecture == drawn
        assert replay.params == direct.params
        assert replay.distributions == direct.distributions
        assert fast.priced(replay.params) is found

"""The neck of a detector's space: its choices are drawn, counted and priced like any other."""

from itertools import product

import numpy as np
import pytest

from nas.errors import NasError
from nas.macs.architecture import count_architecture
from nas.model.identity import architecture_hash
from nas.search.pricing import PricedSpace
from nas.spec.members import Members, count_draws, count_members
from nas.spec.space import load_space, parse_space
from nas.spec.trial import RandomTrial
from tests.model.detectors import DETECTOR, SPACE

# stem 1, s4 1, s8 3 (two of them MBConv), s16 2 copies, s32 1; two inputs; neck 2 x 3 x 2
NETWORKS = 2 * 3 * 2 * (2 * 3 * 2)


@pytest.mark.slow
def test_every_network_is_drawn_and_counted_once() -> None:
    space = parse_space(SPACE)
    assert count_draws(space) == count_members(space) == NETWORKS
    generator = np.random.default_rng(0)
    members, hashes = Members(space), set()
    for number in range(1500):
        architecture = space.sample(RandomTrial(generator, number))
        hashes.add(architecture_hash(architecture))
        if number < 20:
            assert members.contains(architecture)
    assert len(hashes) == NETWORKS


def test_another_neck_is_no_member() -> None:
    space = parse_space(SPACE)
    inside = space.sample(RandomTrial(np.random.default_rng(0), 0))
    outside = parse_space(SPACE.replace("high: 32, step: 8", "high: 48, step: 32"))
    wide = next(
        member
        for number in range(100)
        if (member := outside.sample(RandomTrial(np.random.default_rng(number), 0))).neck
        and member.neck.config.model_dump()["out"] == 48
    )
    assert Members(space).contains(inside)
    assert not Members(space).contains(wide)


def test_prices_are_what_is_counted() -> None:
    space = parse_space(SPACE)
    priced, generator = PricedSpace(space, space.budget), np.random.default_rng(1)
    for number in range(30):
        trial = RandomTrial(generator, number)
        architecture = space.sample(trial)
        found, counted = priced.priced(trial.params), count_architecture(architecture)
        assert (found.cost.macs, found.cost.parameters) == (counted.total, counted.parameters)
        assert found.key == architecture_hash(architecture)
        assert found.architecture.neck == architecture.neck


def test_parameters_are_named_after_the_neck() -> None:
    trial = RandomTrial(np.random.default_rng(0), 0)
    parse_space(SPACE).sample(trial)
    assert {"neck.block", "neck.out", "neck.repeat"} <= set(trial.params)


MISTAKES = [
    (
        "block: [FPN, BiFPN]",
        "block: BiFPM",
        r":5 neck\.block: no neck 'BiFPM'; did you mean 'BiFPN'",
    ),
    ("block: [FPN, BiFPN]", "block: Conv", r"no neck 'Conv'; Conv is a layer; allowed: BiFPN, FPN"),
    ("block: ShuffleNetV2, stride", "block: FPN, out: 8, stride", "no block 'FPN'; FPN is a neck"),
    ("out: {low: 16,", "out: {low: prev,", r":5 neck\.out: prev and reported have no meaning"),
    (
        "repeat: {low: 1, high: 2}}\nclasses",
        "repeat: {low: 0, high: 2}}\nclasses",
        "0 is not allow",
    ),
    ("head: detection\n", "", r":4 neck: only head: detection has a neck, not head: linear"),
    ("{name: stem", "{name: neck", r"layers\[0\]\.name: the neck has this name"),
    ("neck: {block", "neck: {name: top, block", r":5 neck\.name: a neck has no other name"),
    (
        "neck: {block: [FPN, BiFPN], ",
        "neck: {",
        r"neck\.block: this key is missing; allowed: BiFPN",
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), MISTAKES)
def test_mistakes(old: str, new: str, problem: str) -> None:
    assert old in SPACE
    with pytest.raises(NasError, match=problem):
        parse_space(SPACE.replace(old, new, 1))


def test_a_neck_that_is_no_mapping() -> None:
    from nas.spec.architecture import parse_architecture

    text = DETECTOR.replace("neck: {block: BiFPN, out: 24, repeat: 2}", "neck: BiFPN")
    with pytest.raises(NasError, match=r":5 neck: a neck is a mapping such as \{block: BiFPN"):
        parse_architecture(text)


def test_spaces_of_other_tasks_have_none() -> None:
    space = load_space("tiny.yaml")
    assert space.neck is None
    draws = product(range(3))
    assert all(
        space.sample(RandomTrial(np.random.default_rng(n), n)).neck is None for (n,) in draws
    )

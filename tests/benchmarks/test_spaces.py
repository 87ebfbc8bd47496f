"""What every synthetic space keeps to, and their true fronts."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.efficiency.draws import random_member
from benchmarks.efficiency.spaces.registry import SPACES
from benchmarks.efficiency.true_front import TrueFront, true_front


@pytest.mark.parametrize("name", SPACES)
def test_a_space_says_the_same_of_the_same_network(name: str) -> None:
    problem, again = SPACES[name](), SPACES[name]()
    generator = np.random.default_rng(0)
    assert problem.name == name
    members = [random_member(problem.define, generator) for _ in range(50)]
    for member in members:
        assert problem.cost(member) > 0
        assert 0 <= problem.metric(member) <= 1
        assert 0 <= problem.observe(member, generator) <= 1
        turned = dict(reversed(member.items()))
        for one in (problem, again):
            assert one.key(turned) == problem.key(member)
            assert one.cost(turned) == problem.cost(member)
            assert one.metric(turned) == problem.metric(member)
    assert len({problem.metric(member) for member in members}) > 5


@pytest.mark.parametrize("name", ["noisy", "flat"])
def test_trainings_scatter_about_the_mean(name: str) -> None:
    problem = SPACES[name]()
    generator = np.random.default_rng(0)
    member = random_member(problem.define, generator)
    observed = [problem.observe(member, generator) for _ in range(300)]
    sd = float(np.std(observed))
    assert sd > 0.003
    assert np.mean(observed) == pytest.approx(problem.metric(member), abs=4 * sd / 300**0.5)


def test_a_cell_without_a_path_is_at_chance() -> None:
    cells = SPACES["cells"]()
    cut = {"edge0": "none", "edge1": "none", "edge2": "conv3x3", "edge3": "none"}
    member = {**cut, "edge4": "conv3x3", "edge5": "conv3x3"}
    assert cells.metric(member) == 0.1
    assert cells.metric({**member, "edge3": "skip"}) > 0.5
    assert cells.cost(member) == pytest.approx(7.78e6 + 3 * 35.39e6)


def test_climbing_from_few_members_finds_about_what_enumeration_does() -> None:
    tiny = SPACES["tiny"]()
    exact, climbed = true_front(tiny), true_front(replace(tiny, enumerable=False), sampled=5)
    assert (exact.exact, climbed.exact) == (True, False)
    corner = exact.reference("nadir")
    assert 0.99 <= climbed.hypervolume(corner) / exact.hypervolume(corner) <= 1


def front(costs: list[float], metrics: list[float]) -> TrueFront:
    return TrueFront(np.array(costs), np.array(metrics), dearest=9, worst=0.1, exact=True)


def test_references_are_the_nadir_or_below_the_best() -> None:
    found = front([1, 2, 4], [0.5, 0.7, 0.8])
    nadir, usable = found.reference("nadir"), found.reference("best-8")
    assert (nadir.cost, nadir.metric) == (4, 0.5)
    assert usable.cost == 4
    assert usable.metric == pytest.approx(0.72)
    assert found.hypervolume(nadir) == pytest.approx(0.4)
    assert found.hypervolume(found.reference("best-15")) == pytest.approx(0.1)


def test_a_front_of_one_network_is_measured_from_the_worst_of_the_space() -> None:
    found = front([1], [0.5])
    assert found.hypervolume(found.reference("nadir")) == pytest.approx(8 * 0.4)

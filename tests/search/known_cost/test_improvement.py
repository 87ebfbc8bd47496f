"""Exact expected gains against simulation and against staircases worked by hand."""

import numpy as np
import pytest

from nas.search.known_cost.improvement import (
    Floats,
    Staircase,
    error_improvement,
    expected_gain,
    hypervolume,
    normal_improvement,
    staircase,
)

INF = float("inf")


def floats(*values: float) -> Floats:
    return np.array(values, dtype=float)


def by_hand() -> Staircase:
    """Steps of 1 from cost 1, of 3 from cost 2 to 5, above a reference of 0."""
    return staircase(floats(2, 1, 3, 4), floats(3, 1, 2, 3), 0.0, 5.0)


def test_only_the_front_makes_steps() -> None:
    steps = by_hand()
    assert steps.starts_S.tolist() == [-INF, 1, 2]
    assert steps.heights_S.tolist() == [0, 1, 3]
    assert hypervolume(steps) == 1 * 1 + 3 * 3


def test_a_point_at_the_reference_adds_no_step() -> None:
    steps = staircase(floats(1, 2), floats(0, -1), 0.0, 5.0)
    assert steps.heights_S.tolist() == [0]
    assert hypervolume(steps) == 0


@pytest.mark.parametrize(
    ("cost", "value", "gain"),
    [
        (0.5, 2.0, 0.5 * 2 + 1 * 1),  # before the first step, and over it
        (1.5, 4.0, 0.5 * 3 + 3 * 1),  # over half of one step and the whole next
        (1.0, 2.0, 1 * 1),
        (3.0, 5.0, 2 * 2),
        (3.0, 3.0, 0.0),
        (6.0, 9.0, 0.0),  # beyond the end
    ],
)
def test_a_certain_candidate_gains_the_area_it_adds(cost: float, value: float, gain: float) -> None:
    found = expected_gain(floats(cost), floats(value), floats(0.0), by_hand(), normal_improvement)
    assert found == pytest.approx([gain], abs=1e-9)


def test_gains_agree_with_simulation() -> None:
    generator = np.random.default_rng(3)
    costs, values = generator.uniform(0, 4, 12), generator.normal(0, 1, 12)
    reference, end = -1.0, 5.0
    steps = staircase(costs, values, reference, end)
    candidates, means = generator.uniform(-0.5, 5, 8), generator.normal(0.5, 1, 8)
    sds = generator.uniform(0.1, 1.5, 8)
    exact = expected_gain(candidates, means, sds, steps, normal_improvement)
    for cost, mean, sd, gain in zip(candidates, means, sds, exact, strict=True):
        draws = generator.normal(mean, sd, 4_000)
        gains = [
            hypervolume(staircase(np.append(costs, cost), np.append(values, draw), reference, end))
            - hypervolume(steps)
            for draw in draws
        ]
        error = np.std(gains) / np.sqrt(len(gains))
        assert abs(np.mean(gains) - gain) < 4 * error + 1e-3


def test_improvements_of_errors_agree_with_simulation() -> None:
    generator = np.random.default_rng(0)
    means, sds, heights = floats(1.0, 2.5), floats(0.5, 0.1), floats(0.5, 2.0, 2.6)
    exact = error_improvement(means, sds, heights)
    draws = generator.normal(means, sds, (200_000, 2))
    for row in range(2):
        for column, height in enumerate(heights):
            gains = np.maximum(np.exp(-height) - np.exp(-draws[:, row]), 0)
            error = np.std(gains) / np.sqrt(len(gains))
            assert exact[row, column] == pytest.approx(np.mean(gains), abs=4 * error + 1e-9)

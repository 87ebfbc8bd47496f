"""Hypervolume and fronts against counting by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.hypervolume import Reference, hypervolumes, undominated

CORNER = Reference(cost=8, metric=0)
points = st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 7)), min_size=1, max_size=12)


def unit_cells(found: list[tuple[int, int]]) -> int:
    """Unit squares between the reference and what is dearer and worse than some point."""
    return sum(
        any(cost <= x and metric >= y + 1 for cost, metric in found)
        for x, y in product(range(8), range(8))
    )


@given(points)
def test_hypervolume_is_the_area_that_the_points_dominate(found: list[tuple[int, int]]) -> None:
    volumes = hypervolumes([(float(c), float(m)) for c, m in found], CORNER)
    assert volumes.tolist() == [unit_cells(found[: n + 1]) for n in range(len(found))]


@given(points)
def test_the_front_is_what_no_other_point_dominates(found: list[tuple[int, int]]) -> None:
    costs, metrics = zip(*found, strict=True)
    kept = {found[place] for place in undominated(costs, metrics)}
    assert kept == {
        (c, m) for c, m in found
        if not any(a <= c and b >= m and (a, b) != (c, m) for a, b in found)
    }  # fmt: skip


def test_a_staircase_worked_by_hand() -> None:
    volumes = hypervolumes([(6, 4), (2, 1), (7, 3), (1, 4)], CORNER)
    assert volumes == pytest.approx(np.array([8, 12, 12, 28]))

"""Fronts, their volume and their comparison, by cases worked by hand."""

from itertools import pairwise
from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.wall_clock.comparison import compare, shortfalls
from benchmarks.wall_clock.front import (
    best_within,
    front_of,
    hypervolume,
    time_to_reach,
    volume_at,
)
from benchmarks.wall_clock.measured import Measured

THREE = (
    Measured(30.0, 1_000_000, 0.5),
    Measured(10.0, 100_000, 0.25),
    Measured(20.0, 1_000_000, 0.4),
    Measured(40.0, 2_000_000, 0.45),
)
"""The front is 0.1 M at 0.25 and 1 M at 0.5."""


def test_the_front_keeps_what_nothing_beats() -> None:
    assert [(item.macs, item.macro_f1) for item in front_of(THREE)] == [
        (100_000, 0.25),
        (1_000_000, 0.5),
    ]
    assert front_of([]) == []


def test_the_hypervolume_is_width_in_decades_times_height() -> None:
    # a decade at 0.25, a decade at 0.5
    assert hypervolume(THREE, 10_000_000, 0.0) == pytest.approx(0.25 + 0.5)
    # above 0.3 the first adds nothing
    assert hypervolume(THREE, 10_000_000, 0.3) == pytest.approx(0.2)
    # below 0.5 M: the first alone, log10(5) decades wide
    assert hypervolume(THREE, 500_000, 0.0) == pytest.approx(0.25 * log10(5))
    assert hypervolume(THREE, 1_000_000, 0.0) == pytest.approx(0.25)
    assert hypervolume([], 10_000_000, 0.0) == 0.0
    assert hypervolume(THREE, 10_000, 0.0) == 0.0


@given(
    st.lists(
        st.tuples(st.integers(1_000, 9_999_999), st.floats(0.01, 1.0)), min_size=1, max_size=12
    )
)
def test_the_hypervolume_is_the_area_under_the_best_so_far(points: list[tuple[int, float]]) -> None:
    measured = [Measured(0.0, macs, f1) for macs, f1 in points]
    edges = sorted({*(item.macs for item in measured), 10_000_000})
    area = 0.0
    for left, right in pairwise(edges):
        height = max(item.macro_f1 for item in measured if item.macs <= left)
        area += height * (log10(right) - log10(left))
    assert hypervolume(measured, 10_000_000, 0.0) == pytest.approx(area)


def test_the_best_within_a_limit() -> None:
    assert best_within(THREE, 1_000_000) == THREE[0]
    assert best_within(THREE, 999_999) == THREE[1]
    assert best_within(THREE, 99_999) is None


def test_time_to_reach_is_when_the_volume_first_suffices() -> None:
    # after 10 s two decades at 0.25; after 20 s 0.25 + 0.4; after 30 s 0.25 + 0.5
    assert volume_at(THREE, 10.0, 10_000_000, 0.0) == pytest.approx(0.5)
    assert volume_at(THREE, 9.9, 10_000_000, 0.0) == 0.0
    assert time_to_reach(THREE, 0.5, 10_000_000, 0.0) == 10.0
    assert time_to_reach(THREE, 0.51, 10_000_000, 0.0) == 20.0
    assert time_to_reach(THREE, 0.66, 10_000_000, 0.0) == 30.0
    assert time_to_reach(THREE, 0.76, 10_000_000, 0.0) is None


def test_a_front_is_compared_member_by_member() -> None:
    theirs = [Measured(5.0, 200_000, 0.25), Measured(6.0, 3_000_000, 0.7), Measured(7.0, 50, 0.1)]
    # ours: nothing at 50 MACs, 0.25 at 0.2 M, 0.5 at 3 M
    assert shortfalls(theirs, THREE) == pytest.approx([0.1, 0.0, 0.2])
    found = compare(THREE, theirs, 10_000_000, 0.0)
    assert found.equalled == 1
    assert found.other_reached_s == 7.0
    usable = compare(THREE, theirs, 10_000_000, 0.2)
    assert usable.gaps == pytest.approx((0.0, 0.2))


def test_a_front_that_is_dominated_everywhere_is_reached_before_the_end() -> None:
    theirs = [Measured(90.0, 200_000, 0.25), Measured(95.0, 1_500_000, 0.4)]
    found = compare(THREE, theirs, 10_000_000, 0.0)
    assert found.equalled == len(found.gaps) == 2
    # theirs: 0.25 x log10(7.5) + 0.4 x log10(6.67) = 0.548, ours has 0.65 after 20 s
    assert found.reached_s == 20.0
    assert found.other_reached_s == 95.0

"""Walking through define-by-run spaces."""

from typing import Any

import numpy as np
import pytest

from benchmarks.efficiency.draws import all_members, neighbours, random_member


def small(trial: Any) -> None:
    """Two plain networks, or 2 x 3 with parameters of their own: 8 members."""
    if trial.suggest_categorical("kind", ["plain", "rich"]) == "plain":
        trial.suggest_int("plain.width", 8, 16, step=8)
    else:
        trial.suggest_categorical("rich.se", [False, True])
        trial.suggest_float("rich.expand", 1.0, 2.0, step=0.5)


def test_every_member_comes_once() -> None:
    members = list(all_members(small))
    rich = [
        {"kind": "rich", "rich.se": se, "rich.expand": expand}
        for se in (False, True) for expand in (1.0, 1.5, 2.0)
    ]  # fmt: skip
    plain = [{"kind": "plain", "plain.width": width} for width in (8, 16)]
    assert members == plain + rich


def test_random_members_are_all_members() -> None:
    generator = np.random.default_rng(0)
    drawn = {tuple(sorted(random_member(small, generator).items())) for _ in range(200)}
    assert drawn == {tuple(sorted(member.items())) for member in all_members(small)}


def test_neighbours_change_one_choice_and_what_hangs_on_it() -> None:
    member = {"kind": "rich", "rich.se": False, "rich.expand": 1.5}
    plain, *others = neighbours(small, member, np.random.default_rng(0))
    assert plain["kind"] == "plain"
    assert set(plain) == {"kind", "plain.width"}
    assert others == [
        {**member, "rich.se": True},
        {**member, "rich.expand": 1.0},
        {**member, "rich.expand": 2.0},
    ]


def test_a_float_without_a_step_has_no_list_of_values() -> None:
    with pytest.raises(ValueError, match="rate: a float without a step"):
        list(all_members(lambda trial: trial.suggest_float("rate", 0.0, 1.0)))

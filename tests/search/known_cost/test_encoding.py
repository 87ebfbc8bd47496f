"""Distances between encoded members."""

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nas.search.known_cost.encoding import MISMATCH, Encoder
from nas.search.known_cost.members import Catalogue

SPACE: dict[str, BaseDistribution] = {
    "block": CategoricalDistribution(["conv", "mbconv", "none"]),
    "width": IntDistribution(8, 40, step=8),
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "depth": IntDistribution(1, 17),
    "only": IntDistribution(3, 3),
}
FIRST = {"block": "conv", "width": 8, "rate": 1e-4, "depth": 1, "only": 3}


def distance(left: dict[str, object], right: dict[str, object]) -> float:
    encoder = Encoder()
    vectors = [encoder.encode(item, {name: SPACE[name] for name in item}) for item in (left, right)]
    a, b = encoder.matrix(vectors)
    return float(np.linalg.norm(a - b))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 0.0),
        ({"width": 40}, 1.0),
        ({"width": 16}, (MISMATCH + (1 - MISMATCH) / 16) ** 0.5),
        ({"depth": 9}, 0.5),
        ({"rate": 1e-2}, 0.5),
        ({"block": "mbconv"}, 1.0),
        ({"block": "none"}, 1.0),
        ({"block": "none", "width": 40}, 2**0.5),
    ],
)
def test_numbers_differ_by_distance_and_names_by_one(
    change: dict[str, object], expected: float
) -> None:
    assert distance(FIRST, FIRST | change) == pytest.approx(expected)


def test_a_branch_not_taken_lies_in_the_middle_of_its_values() -> None:
    without = {"block": "none"}
    assert distance({"block": "none", "depth": 9}, without) == pytest.approx(0)
    assert distance({"block": "none", "depth": 1}, without) == pytest.approx(0.5)
    names = [distance({"block": "none", "width": width}, without) for width in (8, 24, 40)]
    assert names[0] == pytest.approx(names[2])
    assert names[1] < names[0] < 0.8


def test_new_names_add_columns_only() -> None:
    encoder = Encoder()
    short = encoder.encode({"depth": 5}, {"depth": SPACE["depth"]})
    encoder.encode(FIRST, SPACE)
    assert encoder.matrix([short])[0].tolist() == [short[0], *[0] * 10]
    assert encoder.columns.groups_D.tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3]


def test_the_same_names_in_the_same_order_are_one_layout() -> None:
    encoder = Encoder()
    encoder.encode({"depth": 5}, {"depth": SPACE["depth"]})
    left, right = encoder.copy(), encoder.copy()
    for copy in (left, right):
        copy.encode(FIRST, SPACE)
    assert left.layout is right.layout
    assert encoder.layout is not left.layout
    other = encoder.copy()
    other.encode({"width": 8}, {"width": IntDistribution(8, 24, step=8)})
    again = encoder.copy()
    again.encode({"width": 8}, {"width": SPACE["width"]})
    assert other.layout is not again.layout
    assert len(other.columns.groups_D) < len(again.columns.groups_D)


def test_a_member_is_encoded_anew_in_another_layout() -> None:
    first = Catalogue()
    member = first.add(dict(FIRST), dict(SPACE), 1.0)
    second = Catalogue()
    second.add({"depth": 9}, {"depth": SPACE["depth"]}, 1.0)
    second.take_in(member)
    expected = Encoder()
    expected.encode({"depth": 9}, {"depth": SPACE["depth"]})
    vector = expected.encode(FIRST, SPACE)
    assert second.arrays([member])[0][0].tolist() == vector.tolist()
    third = Catalogue()
    third.take_in(member)
    assert third.arrays([member])[0].tolist() == first.arrays([member])[0].tolist()


def test_an_unknown_value_and_one_without_a_hash_are_encoded() -> None:
    choices: dict[str, BaseDistribution] = {"block": CategoricalDistribution(("a", "b"))}
    encoder = Encoder()
    encoder.encode({"block": "a"}, choices)
    for value in ("c", [1]):
        assert encoder.encode({"block": value}, choices).tolist() == [0.0, 0.0]

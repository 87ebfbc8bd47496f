"""Every network of the search that `shufflenet.yaml` describes is its member, others are not."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from nas.spec.architecture import parse_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.members import Members
from nas.spec.space import load_space
from nas.spec.yaml_text import flow
from tests.spec.seed_space import KINDS, Row, draw_rows


@pytest.fixture(scope="module")
def members() -> Members:
    return Members(load_space("shufflenet.yaml"))


def network(rows: list[Row]) -> ArchitectureSpec:
    return parse_architecture(f"input_size: [46, 64]\nbackbone: {flow(rows)}\n")


@pytest.mark.slow
def test_random_networks_are_members(members: Members) -> None:
    generator = random.Random(0)
    for _ in range(120):
        rows = draw_rows(generator.choice)
        assert members.contains(network(rows)), rows


def extreme(kinds: Sequence[str], end: int, turn: int) -> list[Row]:
    """The network of these kinds, of the first (0) or last (-1) value of everything else.

    Each `turn`-th pick takes the opposite end.
    """
    waiting = list(kinds)
    picks = 0

    def pick(values: Sequence[Any]) -> Any:
        nonlocal picks
        if values is KINDS:
            return waiting.pop(0)
        picks += 1
        return values[end if not turn or picks % turn else -1 - end]

    return draw_rows(pick)


@pytest.mark.slow
def test_extreme_networks_are_members(members: Members) -> None:
    for first in KINDS:
        for second in KINDS:
            for end, turn in ((0, 0), (-1, 0), (0, 2), (-1, 3)):
                for kinds in ((first, second) * 2, (first, first, second, second)):
                    rows = extreme(kinds, end, turn)
                    assert members.contains(network(rows)), rows


SOME = extreme(("Conv", "InvertedResidualv3", "ShuffleNetV2", "MBConv"), 0, 0)


def changed(row: int, argument: int | None, value: Any) -> list[Row]:
    """`SOME` with another argument, or another repeat, in one row."""
    rows = [[repeat, kind, list(arguments)] for repeat, kind, arguments in SOME]
    if argument is None:
        rows[row][0] = value
    else:
        rows[row][2][argument] = value
    return rows


@pytest.mark.parametrize(
    "rows",
    [
        changed(0, 0, 32),
        changed(0, 2, 1),
        changed(0, 5, "SiLU"),
        changed(1, 0, 2),
        changed(3, None, 1),
        changed(3, None, 5),
        changed(3, 0, 16),
        changed(3, 1, 5),
        changed(4, 1, 3.2),
        changed(4, 2, 104),
        changed(5, 3, 1),
        changed(7, None, 5),
        changed(8, 0, 1),
        changed(8, 1, 280),
        changed(10, 0, 1024),
        changed(11, 5, "ReLU"),
        changed(11, 0, 10),
        SOME[:1] + SOME[2:],
        SOME[:2] + SOME[1:],
    ],
)
def test_networks_just_outside_are_no_members(members: Members, rows: list[Row]) -> None:
    assert members.contains(network(SOME))
    assert rows != SOME
    assert not members.contains(network(rows))


def test_another_input_is_no_member(members: Members) -> None:
    rows = f"input_size: [46, 62]\nbackbone: {flow(SOME)}\n"
    assert not members.contains(parse_architecture(rows))


def test_the_module_behind_a_convolution_may_be_narrower_than_it(members: Members) -> None:
    rows = extreme(("Conv", "MBConv", "MBConv", "MBConv"), 0, 0)
    assert rows[2][2][0] == 32
    assert rows[4][2][1] == 16
    assert members.contains(network(rows))


def test_a_shuffle_in_module_3_doubles_but_claims_to_keep_its_width(members: Members) -> None:
    rows = extreme(("MBConv", "ShuffleNetV2", "MBConv", "MBConv"), 0, 0)
    spec = network(rows)
    widths = {step.layer: step.out_shape[0] for step in spec.steps()}
    assert widths[4] == 32
    assert widths[6] == 16
    assert members.contains(spec)

"""Exact counts of networks, against drawing every one of them."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pytest

from nas.model.identity import architecture_hash
from nas.spec.architecture import parse_architecture
from nas.spec.members import Members, TooManyMembers, count_draws, count_members
from nas.spec.space import SpaceSpec, load_space, parse_space


class _Unasked(Exception):
    def __init__(self, name: str, values: Sequence[Any]) -> None:
        self.name, self.values = name, values


class Script:
    """A trial that gives the answers it was told, and stops at the first question beyond them."""

    number = 0

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def _answer(self, name: str, values: Sequence[Any]) -> Any:
        if name not in self.answers:
            raise _Unasked(name, values)
        return self.answers[name]

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._answer(name, choices)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        found: int = self._answer(name, range(low, high + 1, step))
        return found

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        assert step is not None
        count = round((high - low) / step) + 1
        found: float = self._answer(name, [low + index * step for index in range(count)])
        return found


def every_draw(space: SpaceSpec) -> Iterator[Any]:
    """Each answer to each question that sampling asks."""
    waiting: list[dict[str, Any]] = [{}]
    while waiting:
        answers = waiting.pop()
        try:
            yield space.sample(Script(answers))
        except _Unasked as question:
            waiting += [answers | {question.name: value} for value in question.values]


HEADER = "input: {channels: 8, height: 9, width: 12}\nclasses: 3\nlayers:\n"
SPACES = {
    "one network": "- {block: Conv, out: 8}",
    "widths": "- {block: Conv, out: {low: 8, high: 24, step: 8}, kernel: [1, 3]}",
    "runs shared by neighbours": """
- {name: a, block: Conv, out: [8, 16], repeat: {low: 1, high: 3}}
- {name: b, block: Conv, out: [8, 16], repeat: {low: 0, high: 2}}
- {name: c, block: [Conv, MBConv], out: 16, expand_: 1}
""".replace("[Conv, MBConv], out: 16, expand_: 1", "{Conv: {}, MBConv: {expand: [1, 2]}}, out: 16"),
    "three neighbours of one kind": """
- {name: a, block: Conv, out: 8, repeat: {low: 0, high: 2}}
- {name: b, block: Conv, out: 8, repeat: [1, 3], stride: 1}
- {name: c, block: {Conv: {out: 8}, ShuffleNetV2: {}}, repeat: {low: 0, high: 2}}
""",
    "depthwise that is plain": """
- {name: a, block: [Conv, DWConv], out: [3, 5, 8], kernel: 3}
- {name: b, block: [Conv, DWConv], out: 8}
- {name: c, block: {Conv: {groups: [1, 8]}, DWConv: {}}, out: 8, repeat: {low: 1, high: 2}}
""",
    "ratios of one width": """
- name: a
  block: InvertedResidualv3
  out: 8
  kernel: 3
  expand: {low: 1.0, high: 2.0, step: 0.1}
  se: [false, true]
  repeat: {low: 1, high: 2}
- {name: b, block: Bottleneck, out: [8, 16], expansion: [0.5, 0.51, 0.6], shortcut: [true, false]}
""",
    "names of one kernel": """
- {name: a, block: [Conv, FixedConv], out: 8, padding: [null, 0, 1], kernel: [1, 3]}
- {name: b, block: [MaxPool, AvgPool], kernel: [1, 2], stride: [1, 2], padding: [0, null]}
""",
    "relative widths": """
- name: a
  block: {Conv: {out: {low: 8, high: 24, step: 8, times: 2}}, ShuffleNetV2: {}}
  stride: 2
- {name: b, block: MBConv, expand: [1, 2], out: {low: reported, high: 32, step: 8}}
- {name: c, block: Conv, out: {low: prev, high: 64, step: 16}, repeat: {low: 0, high: 1}}
""",
    "a claim that stays": """
- {name: a, block: {ShuffleNetV2: {reports: same}, MBConv: {out: [8, 16], expand: 1}}, stride: 2}
- {name: b, block: Conv, out: {low: reported, high: 24, step: 8}}
""",
    "a head's own pooling": """
- {name: a, block: Conv, out: [3, 8], activation: null}
- {name: b, block: GlobalAvgPool, repeat: {low: 0, high: 2}}
- {name: c, block: Flatten, repeat: [0, 1]}
""",
    "strides": """
- {name: a, block: MBConv, out: [8], expand: 2, stride: [1, 2], repeat: {low: 1, high: 3}}
- {name: b, block: {MBConv: {expand: 2, out: 8}, GlobalAvgPool: {}}, repeat: {low: 0, high: 2}}
""",
}
INPUTS = HEADER.replace("height: 9", "height: [9, 16]").replace(
    "width: 12", "width: {low: 12, high: 16, step: 4}"
)
SIZES = HEADER.replace("height: 9, width: 12", "size: [[9, 12], [12, 16]]").replace(
    "8,", "[2, 8],", 1
)


@pytest.mark.parametrize("header", [HEADER, INPUTS, SIZES], ids=["one input", "sides", "sizes"])
@pytest.mark.parametrize("name", SPACES)
def test_counts_equal_drawing_every_member(name: str, header: str) -> None:
    space = parse_space(header + SPACES[name])
    draws = list(every_draw(space))
    positions = "relative" in name or "claim" in name
    hashes = {architecture_hash(member) for member in draws}
    assert count_members(space) == len(hashes)
    written = {(member.input, member.layers) for member in draws}
    assert len(draws) == len(written) or positions
    assert count_draws(space) == len(written)
    assert {state.shape for state in space.outputs} == {member.feature_shape() for member in draws}


def test_the_tiny_space_is_counted_by_hand() -> None:
    # Behind a stem of 8 and one of 16 channels: widths 8, 16, 24 and 16, 24 with three ratios each,
    # and a shuffle; each once or twice.
    assert count_members(load_space("tiny.yaml")) == (3 * 3 + 1) * 2 + (2 * 3 + 1) * 2


def test_members_are_told_from_others_exactly() -> None:
    space = parse_space(HEADER + SPACES["runs shared by neighbours"])
    members = Members(space)
    inside = {architecture_hash(member) for member in every_draw(space)}
    for kinds in product(("Conv, out: 8", "Conv, out: 16", "MBConv, out: 16, expand: 2"), repeat=4):
        for length in range(1, 5):
            layers = "\n".join(f"- {{block: {kind}}}" for kind in kinds[:length])
            network = parse_architecture(HEADER + layers)
            assert members.contains(network) == (architecture_hash(network) in inside)


def test_a_space_too_large_to_follow_is_not_counted() -> None:
    space = load_space("shufflenet.yaml")
    with pytest.raises(TooManyMembers):
        count_members(space, max_work=5_000)


def test_a_space_too_deep_to_follow_is_not_counted() -> None:
    space = parse_space(HEADER + "- {block: Conv, out: 8, repeat: {low: 1, high: 1000}}")
    with pytest.raises(TooManyMembers):
        count_members(space)
    assert count_draws(space) == 1000


def test_a_network_of_another_library_is_no_member() -> None:
    space = load_space("tiny.yaml")
    other = "input: {height: 12, width: 16}\nmodel: torchvision:resnet18"
    assert not Members(space).contains(parse_architecture(other))

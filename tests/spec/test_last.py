"""`last` of a space: behind which layers a member may end."""

import itertools

import pytest

from nas.errors import NasError
from nas.model.identity import architecture_hash
from nas.search.pricing import PricedSpace
from nas.spec.members import Members, count_draws, count_members
from nas.spec.space import SpaceSpec, parse_space
from nas.spec.trial import GivenTrial

TEXT = """
input: {height: 16, width: 16}
layers:
  - {name: stem, block: Conv, out: [8, 16], stride: 2}
  - {name: a, block: Conv, out: [8, 16], repeat: {low: 0, high: 2}}
  - {name: b, block: Conv, out: [8, 24], stride: 2}
last: [stem, a, b]
classes: 4
"""


def params_of(last: int, stem: int, repeat: int, a: int, b: int) -> dict[str, int]:
    return {
        "last.position": last,
        "stem.out.position": stem,
        "a.repeat": repeat,
        "a.out.position": a,
        "b.out.position": b,
    }


def drawn(space: SpaceSpec) -> dict[str, int]:
    """Draws of each network, by enumeration."""
    hashes: dict[str, int] = {}
    for last, stem, repeat, a, b in itertools.product(range(3), (0, 1), range(3), (0, 1), (0, 1)):
        if (last < 2 and b) or (last < 1 and (repeat, a) != (0, 0)):
            continue  # not asked for
        if last >= 1 and repeat == 0 and a:
            continue
        key = architecture_hash(space.sample(GivenTrial(params_of(last, stem, repeat, a, b))))
        hashes[key] = hashes.get(key, 0) + 1
    return hashes


def test_counts_equal_an_enumeration() -> None:
    space = parse_space(TEXT)
    hashes = drawn(space)
    assert count_draws(space) == sum(hashes.values()) == 2 + 2 * 5 + 2 * 5 * 2
    assert count_members(space) == len(hashes)


def test_a_member_ends_behind_its_last_layer() -> None:
    space = parse_space(TEXT)
    params = params_of(last=1, stem=0, repeat=1, a=1, b=0)
    member = space.sample(GivenTrial(params))
    assert [layer.name for layer in member.layers] == ["stem", "a"]
    assert Members(space).contains(member)
    assert PricedSpace(space, space.budget).priced(params).key == architecture_hash(member)
    assert {state.shape for state in space.outputs} == {
        (c, s, s) for c, s in ((8, 8), (16, 8), (8, 4), (24, 4))
    }


@pytest.mark.parametrize(
    ("last", "problem"),
    [
        ("[stem, c]", "'c' is no layer"),
        ("[stem, a]", "must name the last layer, b, too"),
        ("[]", "must name the last layer, b, too"),
    ],
)
def test_names_are_checked(last: str, problem: str) -> None:
    with pytest.raises(NasError, match=problem):
        parse_space(TEXT.replace("[stem, a, b]", last))


def test_some_layer_must_stand_in_every_member() -> None:
    text = TEXT.replace("out: [8, 16], stride: 2}", "out: 8, repeat: {low: 0, high: 1}}")
    with pytest.raises(NasError, match="some layer up to stem must stand in every member"):
        parse_space(text)

"""Where an architecture comes from: typed, and whatever else a file says is kept."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given

from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec, InputSpec, dump_architecture, parse_architecture
from nas.spec.provenance import Provenance
from tests.spec.strategies import FACTS

FILE = "input: {height: 8, width: 8}\nmodel: torchvision:resnet18\n"


def written(provenance: Provenance) -> str:
    size = InputSpec(height=8, width=8)
    network = ArchitectureSpec("a", size, model="timm:resnet18", classes=("x", "y"))
    return dump_architecture(replace(network, provenance=provenance))


@given(FACTS)
def test_what_a_file_says_is_written_back_unchanged(facts: dict[str, Any]) -> None:
    provenance = Provenance.model_validate(facts)
    assert provenance.said() == facts
    text = written(provenance)
    assert yaml.safe_load(text).get("provenance", {}) == facts
    assert parse_architecture(text).provenance.said() == facts


@given(FACTS, FACTS)
def test_joined_says_what_either_says(first: dict[str, Any], later: dict[str, Any]) -> None:
    joined = Provenance.model_validate(first).joined(Provenance.model_validate(later))
    assert joined.said() == first | later
    assert joined.without(*later).said() == {k: v for k, v in first.items() if k not in later}


def test_nothing_said_is_not_written() -> None:
    assert "provenance" not in written(Provenance())


def test_null_is_said() -> None:
    """The built-in set, where silence may be any."""
    assert Provenance(data=None).says_data
    assert not Provenance().says_data
    assert Provenance(data=None).model_dump() == {"data": None}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("split_seed: -1", r"split_seed: -1 is not allowed: .*greater than or equal to 0"),
        ("split_seed: x", r"split_seed: 'x' is not allowed: should be a valid integer"),
        ("split_seed: true", r"split_seed: true is not allowed: should be a valid integer"),
        ("split_seed: null", r"split_seed: null is not allowed: should be a valid integer"),
        ("strict: 1", r"strict: 1 is not allowed: should be a valid boolean"),
        ("data: [a]", r"data: \['a'\] is not allowed: should be a valid string"),
        ("threads: 0", r"threads: 0 is not allowed: .*greater than or equal to 1"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(line: str, says: str) -> None:
    with pytest.raises(NasError, match=rf"^architecture.yaml:5 provenance\.{says}"):
        parse_architecture(f"{FILE}provenance:\n  trial: 7\n  {line}\n")


def test_on_other_splits_nothing_is_known_of_their_files() -> None:
    facts = Provenance(data="x", split_seed=2, split_digest="abc", groups="g.csv", trial=7)
    assert facts.split_facts() == facts.without("trial")
    assert facts.on_splits(2) == facts
    assert facts.on_splits(3) == Provenance(data="x", split_seed=3, groups="g.csv", trial=7)
    assert Provenance(split_seed=0).other_splits(3)
    assert not Provenance().other_splits(3)  # it is silent

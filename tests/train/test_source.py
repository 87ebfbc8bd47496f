"""Which data are used when the command line does not say."""

from pathlib import Path

import pytest
from pydantic import JsonValue

from nas.data.image.digits import DIGITS_SOURCE
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec, InputSpec
from nas.spec.provenance import Provenance
from nas.train.source import groups_of, same_data, source_of


def made_on(**provenance: JsonValue) -> ArchitectureSpec:
    return ArchitectureSpec(
        "a", InputSpec(height=8, width=8), provenance=Provenance.model_validate(provenance)
    )


@pytest.mark.parametrize("facts", [{}, {"data": None}, {"data": DIGITS_SOURCE}])
def test_the_built_in_set_unless_others_are_named(facts: dict[str, JsonValue]) -> None:
    assert source_of(made_on(**facts), None) is None
    assert same_data(made_on(**facts), None)


def test_what_is_given_counts_first(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert source_of(made_on(data=str(other)), tmp_path) == tmp_path
    assert source_of(made_on(data=str(other)), None) == other
    with pytest.raises(NasError, match="give --data"):
        source_of(made_on(data=str(tmp_path / "gone")), None)


def test_same_data_is_a_matter_of_the_place(tmp_path: Path) -> None:
    assert same_data(made_on(data=f"{tmp_path}/x/.."), tmp_path)
    assert same_data(made_on(), tmp_path)  # silent: what is written is kept
    assert not same_data(made_on(data="/elsewhere"), tmp_path)
    assert not same_data(made_on(data=None), tmp_path)
    assert not same_data(made_on(data="/elsewhere"), None)


def test_groups_are_those_of_the_same_data(tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    found = made_on(data=str(tmp_path), groups=str(table))
    assert groups_of(found, tmp_path, None) == table
    assert groups_of(found, tmp_path / "other", None) is None
    assert groups_of(found, tmp_path, tmp_path / "mine.csv") == tmp_path / "mine.csv"


def test_the_split_is_that_of_the_search() -> None:
    assert made_on().provenance.split_seed == 0
    assert made_on(split_seed=7).provenance.split_seed == 7

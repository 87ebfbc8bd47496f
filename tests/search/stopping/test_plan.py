"""How the trainings of a search are planned."""

from pathlib import Path

import pytest

from nas.errors import NasError
from nas.search.run import run_search
from nas.search.stopping.asha import BandedHalving
from nas.search.stopping.dominance import DominanceRule
from nas.search.stopping.plan import plan_stops
from nas.search.stopping.rule import NeverStop
from nas.spec.search import SearchSpec
from nas.spec.space import parse_space
from tests.search.conftest import SPACE, settings_for


def test_short_epochs_as_wanted() -> None:
    assert plan_stops(SearchSpec(stop="dominance"), 50).short_epochs == 0
    assert plan_stops(SearchSpec(stop="asha", short_epochs=4), 5).short_epochs == 4
    assert plan_stops(SearchSpec(stop="asha", short_epochs=0), 50).short_epochs == 0


def test_a_short_training_that_is_none_is_refused() -> None:
    with pytest.raises(NasError, match=r"search\.short_epochs: 5 epochs are no short training"):
        plan_stops(SearchSpec(stop="dominance", short_epochs=5), 5)


def test_a_short_training_that_no_rule_judges_is_refused() -> None:
    with pytest.raises(NasError, match=r"search\.short_epochs: 4 epochs .* stop is none"):
        plan_stops(SearchSpec(stop="none", short_epochs=4), 50)
    assert plan_stops(SearchSpec(stop="none"), 50).short_epochs == 0


def test_each_rule_by_its_name() -> None:
    dominance = plan_stops(SearchSpec(stop="dominance"), 12).rule
    asha = plan_stops(SearchSpec(stop="asha"), 12).rule
    assert isinstance(dominance, DominanceRule)
    assert isinstance(asha, BandedHalving)
    assert dominance.epochs == asha.epochs == 12
    assert isinstance(plan_stops(SearchSpec(stop="none"), 12).rule, NeverStop)


def test_a_search_refuses_it_before_it_writes_anything(tmp_path: Path, pictures: Path) -> None:
    settings = settings_for(pictures)
    search = settings.search.model_copy(update={"short_epochs": 1})
    asked = settings.model_copy(update={"search": search})
    with pytest.raises(NasError, match="no short training"):
        run_search(parse_space(SPACE), asked, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()

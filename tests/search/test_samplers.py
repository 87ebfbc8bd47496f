"""A small search from beginning to end with each sampler."""

import math
from pathlib import Path
from statistics import mean
from typing import get_args

import optuna
import pytest

from nas.search.pricing import PricedSpace
from nas.search.samplers import build_sampler
from nas.spec.budget import BudgetSpec
from nas.spec.search import SamplerName
from nas.spec.space import load_space

from .conftest import begin, trials_of

MAX_MACS = 8_000


@pytest.mark.usefixtures("workers_here")
@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_searches_to_the_end(tmp_path: Path, pictures: Path, sampler: SamplerName) -> None:
    begin(tmp_path / "run", pictures, sampler=sampler, trials=4, max_macs=MAX_MACS, finalists=0)
    records = trials_of(tmp_path / "run")
    trained = [item for item in records if item.state in ("trained", "stopped")]
    assert len({item.architecture_hash for item in trained}) == len(trained) == 4
    assert all((item.macs or 0) <= MAX_MACS for item in trained)
    if sampler == "known_cost":
        assert len(records) == 4


@pytest.mark.slow
def test_seconds_weigh_in() -> None:
    """Where dear networks take very much longer, those drawn are cheaper."""
    space = PricedSpace(load_space("tiny.yaml"), BudgetSpec())
    drawn = []
    for seconds in (None, lambda params: space.cost(params) ** 3):
        study = optuna.create_study(
            directions=["minimize", "maximize"],
            sampler=build_sampler("known_cost", 0, space, seconds),
        )
        study.optimize(lambda trial: _told(space, trial), n_trials=15)
        drawn.append([math.log(trial.values[0]) for trial in study.trials[6:]])
    assert mean(drawn[1]) < mean(drawn[0])


def _told(space: PricedSpace, trial: optuna.Trial) -> tuple[float, float]:
    """MACs, and a metric that rises with them."""
    space.draw(trial)
    macs = space.cost(trial.params)
    return macs, 0.5 + 0.05 * math.log10(macs)


def test_an_interrupted_network_is_drawn_again() -> None:
    """Also one that was killed before its outcome was told; one that failed, or repeats, is not."""
    space = PricedSpace(load_space("tiny.yaml"), BudgetSpec())
    for outcome, again in (
        (None, True),
        ("trained", True),
        ("failed", False),
        ("duplicate", False),
    ):
        first = optuna.create_study(
            directions=["minimize", "maximize"], sampler=build_sampler("known_cost", 0, space)
        )
        trial = first.ask()
        space.draw(trial)
        if outcome is not None:
            trial.set_user_attr("outcome", outcome)
        first.tell(trial, state=optuna.trial.TrialState.FAIL)
        first.sampler = build_sampler("known_cost", 0, space)  # draws as the first one did
        repeat = first.ask()
        space.draw(repeat)
        assert (space.key(repeat.params) == space.key(trial.params)) is again

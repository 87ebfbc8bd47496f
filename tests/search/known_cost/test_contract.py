"""The sampler beside Optuna's own: their contract tests, copies, wrappers, odd values."""

import copy
import pickle
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

import optuna
import pytest
from optuna.samplers import BaseSampler, PartialFixedSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from nas.search.known_cost import KnownCostSampler

Params = Mapping[str, Any]


def one(params: Params) -> float:
    return 1.0


class TestOptunasContract(
    BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase
):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: KnownCostSampler(one, seed=0)


def draw(trial: Any) -> list[int]:
    depth = trial.suggest_int("depth", 1, 3)
    return [trial.suggest_int(f"w{index}", 8, 64, step=8) for index in range(depth)]


def width(params: Params) -> float:
    return float(sum(value for name, value in params.items() if name != "depth"))


def measure(trial: optuna.Trial) -> tuple[float, float]:
    total = sum(draw(trial))
    return total, total / (total + 50)


def study_of(sampler: BaseSampler, trials: int = 0) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    study.optimize(measure, n_trials=trials)
    return study


def params_of(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


@pytest.fixture(scope="module")
def alone() -> list[dict[str, Any]]:
    """What a study of its own comes to."""
    return params_of(study_of(KnownCostSampler(width, draw, seed=0), 9))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))])
def test_a_copy_goes_on_as_the_sampler_itself(
    alone: list[dict[str, Any]], copied: Callable[[Any], Any]
) -> None:
    study = copied(study_of(KnownCostSampler(width, draw, seed=0), 6))
    study.optimize(measure, n_trials=3)
    assert params_of(study) == alone


def test_who_is_interrupted_comes_to_the_same(alone: list[dict[str, Any]]) -> None:
    """A sampler of the same seed for a study that was begun, one of whose trials was cut off."""
    study = study_of(KnownCostSampler(width, draw, seed=0), 6)
    cut = study.ask()
    draw(cut)
    study.tell(cut, state=optuna.trial.TrialState.FAIL)
    study.enqueue_trial(cut.params)
    study.sampler = KnownCostSampler(width, draw, seed=0, retry=lambda trial: True)
    study.optimize(measure, n_trials=3)
    ended = [trial.params for trial in study.trials if trial.values is not None]
    assert ended == alone


def test_one_sampler_in_two_studies_knows_each_ones_own_history(
    alone: list[dict[str, Any]],
) -> None:
    sampler = KnownCostSampler(width, draw, seed=0)
    first, second = study_of(sampler, 9), study_of(sampler, 5)
    first.optimize(measure, n_trials=1)
    second.optimize(measure, n_trials=4)
    assert params_of(first)[:9] == params_of(second) == alone


def test_a_fixed_parameter_is_fixed_and_the_others_are_proposed() -> None:
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        sampler = PartialFixedSampler({"depth": 2}, KnownCostSampler(width, draw, seed=0))
    tried = params_of(study_of(sampler, 15))
    assert all(params["depth"] == 2 and params.keys() == {"depth", "w0", "w1"} for params in tried)
    assert len({tuple(params.values()) for params in tried}) > 5


@pytest.mark.parametrize("value", [2, 2.0, True])
def test_an_enqueued_number_of_another_type_is_the_number(value: Any) -> None:
    study = study_of(KnownCostSampler(width, draw, seed=0), 5)
    study.enqueue_trial({"depth": value})
    study.optimize(measure, n_trials=6)
    assert study.trials[5].params["depth"] == int(value)
    assert len(study.trials[5].params) == 1 + int(value)


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution:UserWarning")
@pytest.mark.parametrize(
    "choices",
    [
        [[64], [64, 32], [64, 32, 16]],
        [(1, 2), "a", None, {"kind": "x"}],
        [1, "1", None, 2.5, "b", False],
        [float("nan"), 1.0, inf],
    ],
)
def test_choices_of_any_kind(choices: list[Any]) -> None:
    def space(trial: Any) -> int:
        trial.suggest_categorical("layers", choices)
        return int(trial.suggest_int("w", 1, 9))

    study = optuna.create_study(
        directions=["minimize", "maximize"],
        sampler=KnownCostSampler(lambda params: params["w"], space, seed=0),
    )
    study.optimize(lambda trial: (space(trial), 0.2 + 0.01 * space(trial)), n_trials=12)
    assert len({repr(params) for params in params_of(study)}) == 12
    assert len({repr(params["layers"]) for params in params_of(study)}) > 1


def test_few_of_many_are_found() -> None:
    """0.03 % of the members may be proposed: 4,845 of 64 to the power of 4, by hand."""

    def space(trial: Any) -> int:
        return sum(trial.suggest_int(f"w{index}", 1, 64) for index in range(4))

    def limited(params: Params) -> float:
        return inf if sum(params.values()) > 20 else float(sum(params.values()))

    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=KnownCostSampler(limited, space, seed=0)
    )
    study.optimize(lambda trial: (space(trial), 0.3), n_trials=10)
    assert all(limited(params) < inf for params in params_of(study))


def test_a_study_of_the_metric_alone_prefers_what_is_cheap_for_it() -> None:
    study = optuna.create_study(direction="maximize", sampler=KnownCostSampler(width, draw, seed=0))
    study.optimize(lambda trial: measure(trial)[1], n_trials=12)
    assert len({tuple(params.items()) for params in params_of(study)}) == 12

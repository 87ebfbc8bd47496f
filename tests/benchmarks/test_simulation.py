"""Simulated studies."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from benchmarks.efficiency.methods import METHODS
from benchmarks.efficiency.runs import Run, Source, trace_of, traces_of
from benchmarks.efficiency.simulation import Simulation
from benchmarks.efficiency.spaces.registry import SPACES
from nas.errors import NasError

RUNS = [Run(Source(space="tiny"), "tpe_group", seed, 12, 1) for seed in (0, 1)]


@pytest.fixture(autouse=True)
def quiet_optuna() -> Iterator[None]:
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(level)


def trained(method: str, evaluations: int, running: int = 1) -> tuple[Simulation, list[int]]:
    """A study of the tiny space, and how often each of its networks was trained."""
    simulation = Simulation(SPACES["tiny"](), METHODS[method], 0)
    trace = simulation.run(evaluations, running)
    assert len(trace.points) <= evaluations
    return simulation, list(Counter(trace.points).values())


@pytest.mark.parametrize("method", [name for name in METHODS if name != "gp"])
def test_only_scripts_train_a_network_twice(method: str) -> None:
    simulation, times = trained(method, 30, running=4 if METHODS[method].parallel else 1)
    assert sum(times) == 30
    assert (max(times) > 1) == METHODS[method].repeats
    assert simulation.trace.proposals >= 30 - simulation.trace.repeats


@pytest.mark.slow
def test_optunas_gp_can_be_compared() -> None:
    assert sum(trained("gp", 12)[1]) == 12


@pytest.mark.parametrize("name", SPACES)
def test_every_space_can_be_searched_as_categories_only(name: str) -> None:
    problem = SPACES[name]()
    simulation = Simulation(problem, METHODS["tpe_categorical"], 0)
    assert len(simulation.run(15, 1).points) == 15
    for trial in simulation.study.get_trials(deepcopy=False):
        kinds = {type(distribution) for distribution in trial.distributions.values()}
        assert kinds == {optuna.distributions.CategoricalDistribution}


def test_a_study_ends_when_no_network_is_left() -> None:
    _, times = trained("random", 100)
    assert times == [1] * 64


def test_a_repeat_is_told_its_known_result() -> None:
    simulation, _ = trained("random", 60)
    trials = simulation.study.get_trials(deepcopy=False)
    results = {tuple(sorted(t.params.items())): t.values for t in trials}
    assert len(results) == 60
    assert len(trials) > 60
    assert all(t.values == results[tuple(sorted(t.params.items()))] for t in trials)


def test_so_many_run_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(SPACES["tiny"](), METHODS["random"], 0)
    running: list[int] = []
    finish = simulation._finish

    def counted(trial: optuna.Trial) -> None:
        states = [t.state for t in simulation.study.get_trials(deepcopy=False)]
        running.append(sum(state == optuna.trial.TrialState.RUNNING for state in states))
        finish(trial)

    monkeypatch.setattr(simulation, "_finish", counted)
    simulation.run(20, 8)
    assert running == [8] * 13 + [7, 6, 5, 4, 3, 2, 1]


def test_what_is_no_member_is_refused_and_not_counted() -> None:
    tiny = SPACES["tiny"]()
    halved = replace(tiny, cost=lambda p: float("inf") if p["layer0"] > 1 else tiny.cost(p))
    for method in ("random", "tpe_integers", "nsga2"):
        simulation = Simulation(halved, METHODS[method], 0)
        trace = simulation.run(20, 1)
        assert len(trace.points) == 20
        assert simulation.study.get_trials(states=(optuna.trial.TrialState.FAIL,))
        done = simulation.study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
        assert all(trial.params["layer0"] <= 1 for trial in done)


def test_the_same_seed_gives_the_same_study() -> None:
    here = [trace_of(run).points for run in RUNS]
    assert here[0] != here[1]
    assert [trace.points for trace in traces_of(RUNS, jobs=1)] == here


@pytest.mark.slow
def test_the_same_seed_gives_the_same_study_in_another_process() -> None:
    here = [trace_of(run).points for run in RUNS]
    assert [trace.points for trace in traces_of(RUNS, jobs=2)] == here


def test_a_table_that_is_missing_is_named() -> None:
    with pytest.raises(NasError, match=r"none\.json: can't be read"):
        trace_of(Run(Source(table=Path("none.json")), "tpe", 0, 5, 1))

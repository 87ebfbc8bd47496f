"""Objectives of one's own: counted before training, measured in it and after it."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
import yaml
from torch import nn

from blocks import Cost
from nas.errors import NasError
from nas.macs.architecture import count_architecture
from nas.macs.count import count_macs
from nas.runs.records import TrialRecord
from nas.search import objective as objective_module
from nas.search.choice import knee, pareto_front
from nas.search.journal import open_study
from nas.search.objective import (
    CountedNetwork,
    Objective,
    Objectives,
    TrainedCandidate,
    register_objective,
)
from nas.search.results import SearchResult
from nas.search.run import resume_search, run_search
from nas.search.settings import SearchSettings
from nas.search.trials import records_of
from nas.spec.architecture import parse_architecture
from nas.spec.budget import BudgetSpec
from nas.spec.search import SearchSpec
from nas.spec.space import parse_space
from nas.spec.trial import RandomTrial
from nas.train.weights import build_seeded

from .conftest import FEW, SPACE, settings_for, trials_of

CPU = torch.device("cpu")


ANY = parse_architecture(
    "name: n\ninput: {channels: 3, height: 8, width: 8}\nlayers: [{block: GlobalAvgPool}]\n",
    Path("n.yaml"),
)


def weight_sum(candidate: TrainedCandidate) -> float:
    """Stands for a latency: needs the trained weights, and is above 0."""
    assert not candidate.network.training
    return sum(float(item.detach().abs().sum()) for item in candidate.network.parameters())


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objective_module, "_REGISTERED", dict(objective_module._REGISTERED))
    register_objective(
        Objective(
            "peak_bytes",
            lambda network: count_architecture(network.architecture).peak_activation_bytes,
            title="peak memory",
            unit="bytes",
        )
    )
    register_objective(
        Objective("outputs", lambda network: network.cost.convolution_outputs / 1_000)
    )
    register_objective(Objective("weight_sum", weight_sum, known="after"))
    register_objective(
        Objective(
            "accuracy_seen",
            lambda metrics: metrics.as_json()["accuracy"],
            known="training",
            direction="maximize",
        )
    )


def search(
    folder: Path, data: Path, objectives: str, text: str = SPACE, **options: Any
) -> SearchResult:
    budget = BudgetSpec.model_validate(options.pop("budget", {}))
    options = {"finalists": 0, "stop": "none"} | options
    settings = settings_for(data, objectives=objectives, **options)
    settings = settings.model_copy(update={"budget": budget})
    return run_search(parse_space(text), settings, out=folder, say=lambda text: None)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def networks_of(folder: Path) -> dict[int, tuple[TrialRecord, nn.Module]]:
    """The trained records, each with the network that its training began with."""
    records = records_of(open_study(folder / "study.log"))
    return {
        item.number: (
            item,
            build_seeded(parse_architecture(item.architecture_yaml or "", folder), 0, CPU),
        )
        for item in records
        if item.state == "trained"
    }


@pytest.mark.usefixtures("workers_here")
@pytest.mark.parametrize("sampler", ["known_cost", "nsga2", "tpe"])
def test_a_cost_of_ones_own_is_counted_optimised_and_written(
    tmp_path: Path, pictures: Path, sampler: str
) -> None:
    run = tmp_path / "run"
    result = search(run, pictures, "peak_bytes,metric", sampler=sampler, trials=5)
    rows = {int(row["number"]): row for row in rows_of(run)}
    study = open_study(run / "study.log")
    for number, (record, network) in networks_of(run).items():
        counted = count_macs(network, (3, 8, 8))  # the built network, run on the meta device
        assert float(rows[number]["peak_bytes"]) == counted.peak_activation_bytes
        assert int(rows[number]["macs"]) == counted.total
        assert study.trials[number].values == [counted.peak_activation_bytes, record.metric]
    within = [item for item in study.best_trials if item.number in rows]  # Optuna's own front
    first = {(*item.values,): item.number for item in reversed(within)}
    assert {item.number for item in result.front} == set(first.values())
    assert "peak memory (bytes)" in (run / "report.html").read_text()
    provenance = yaml.safe_load((run / "best.yaml").read_text())["provenance"]
    assert provenance["peak_bytes"] == float(rows[result.best]["peak_bytes"])


@pytest.mark.usefixtures("workers_here")
def test_what_is_measured_after_training_is_told_to_the_study(
    tmp_path: Path, pictures: Path
) -> None:
    run = tmp_path / "run"
    search(run, pictures, "macs,accuracy_seen,weight_sum,metric", trials=4)
    study = open_study(run / "study.log")
    names = [item.name.lower() for item in study.directions]
    assert names == ["minimize", "maximize", "minimize", "maximize"]
    for record, network in networks_of(run).values():
        macs, accuracy, weights, metric = study.trials[record.number].values
        assert (macs, metric) == (record.macs, record.metric)
        assert accuracy == record.accuracy == record.costs["accuracy_seen"]
        untrained = weight_sum(TrainedCandidate(ANY, network.eval(), CPU))
        assert weights == record.costs["weight_sum"] > 0
        assert weights != pytest.approx(untrained, rel=1e-6)
    assert {"accuracy_seen", "weight_sum"} <= rows_of(run)[0].keys()


@pytest.mark.usefixtures("workers_here")
def test_a_budget_bounds_a_cost_that_is_no_objective(tmp_path: Path, pictures: Path) -> None:
    search(tmp_path / "free", pictures, "macs,metric", trials=6)
    free = [item.costs for item in records_of(open_study(tmp_path / "free" / "study.log"))]
    assert all("outputs" not in costs for costs in free)
    run = tmp_path / "run"
    search(run, pictures, "macs,metric", trials=4, sampler="random", budget={"max": {"outputs": 1}})
    records = {item.number: item for item in records_of(open_study(run / "study.log"))}
    assert {item.state for item in records.values()} >= {"trained", "over_budget"}
    for row in rows_of(run):
        assert (float(row["outputs"]) > 1) == (row["state"] == "over_budget")
    for trial in open_study(run / "study.log").trials:
        excess = records[trial.number].costs["outputs"] - 1
        assert trial.constraints["budget"] == pytest.approx(excess)


@pytest.mark.usefixtures("workers_here")
def test_a_search_of_other_objectives_goes_on(tmp_path: Path, pictures: Path) -> None:
    run = tmp_path / "run"
    search(run, pictures, "outputs,weight_sum,metric", trials=3)
    before = rows_of(run)
    resume_search(
        run,
        say=lambda text: None,
        change=lambda old: old.model_copy(
            update={"search": old.search.model_copy(update={"trials": 5})}
        ),
    )
    after = rows_of(run)
    assert after[: len(before)] == before
    assert sum(row["state"] == "trained" for row in after) == 5


@pytest.mark.usefixtures("workers_here")
def test_a_repeat_is_told_what_was_measured(tmp_path: Path, pictures: Path) -> None:
    run = tmp_path / "run"
    search(run, pictures, "macs,weight_sum,metric", FEW, trials=6, sampler="random")
    study, records = open_study(run / "study.log"), records_of(open_study(run / "study.log"))
    repeats = [item for item in records if item.state == "duplicate"]
    assert repeats
    for item in repeats:
        earlier = int((item.reason or "").split()[-1])
        assert study.trials[item.number].values == study.trials[earlier].values


@pytest.mark.usefixtures("workers_here")
def test_a_failing_objective_fails_its_trial(tmp_path: Path, pictures: Path) -> None:
    register_objective(Objective("broken", lambda candidate: float("nan"), known="after"))
    with pytest.raises(NasError, match="objective broken gave nan, not a finite number"):
        search(tmp_path / "run", pictures, "macs,broken,metric", trials=2)
    states = [item.state for item in trials_of(tmp_path / "run")]
    assert states == ["failed", "failed"]


@pytest.mark.parametrize(
    ("objectives", "problem"),
    [
        ("macs", "metric and at least one cost"),
        ("metric", "metric and at least one cost"),
        ("macs,macs,metric", "each once"),
        ("macs,metric,macro_f1", "each once"),
        ("macz,metric", "no objective 'macz'; did you mean 'macs'?"),
        ("weight_sum,metric", "known_cost needs a cost that is known before training"),
    ],
)
def test_wrong_objectives_are_refused_before_anything_is_written(
    tmp_path: Path, pictures: Path, objectives: str, problem: str
) -> None:
    run = tmp_path / "run"
    with pytest.raises(NasError, match=problem.replace("?", r"\?")):
        search(run, pictures, objectives, sampler="known_cost")
    assert not run.exists()


@pytest.mark.parametrize(
    ("name", "problem"),
    [("weight_sum", "only what is known before training"), ("outpts", "did you mean 'outputs'")],
)
def test_a_bound_of_what_is_not_known_is_refused(name: str, problem: str) -> None:
    with pytest.raises(NasError, match=problem) as caught:
        Objectives.of("macro_f1", budget=BudgetSpec(max={name: 1}))
    assert caught.value.key == f"budget.max.{name}"


@pytest.mark.parametrize("name", ["macs", "peak_bytes", "metric", "seconds", "Latency", "a b", ""])
def test_names_that_are_taken_or_no_columns_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"objective {name!r}"):
        register_objective(Objective(name, lambda network: 1.0))


@pytest.mark.parametrize("value", [float("inf"), None, "3", True])
def test_a_value_that_is_no_number_is_the_users_to_mend(value: Any) -> None:
    objective = Objective("odd", lambda network: value)
    with pytest.raises(NasError, match="objective odd gave"):
        objective.of(None)


def test_the_axis_is_the_first_cost_that_is_known_and_falls() -> None:
    goals = Objectives.of("macro_f1", ("weight_sum", "metric", "outputs", "macs"))
    assert goals.axis.name == "outputs"
    assert goals.axis_index == 1
    assert [item.name for item in goals.costs] == ["weight_sum", "outputs", "macs"]
    assert goals.directions == ["minimize"] * 3 + ["maximize"]
    network = CountedNetwork(ANY, Cost(7, 5, 3_000))
    assert goals.axis_of(network) == 3.0
    assert not Objectives.of("macro_f1", ("weight_sum", "metric")).axis_is_known


def test_the_front_of_three_objectives_is_optunas() -> None:
    goals = Objectives.of("macro_f1", ("macs", "accuracy_seen", "metric"))
    study = optuna.create_study(directions=goals.directions)
    generator, records = torch.Generator().manual_seed(0), []
    for number in range(60):
        macs, accuracy, metric = torch.randint(1, 7, (3,), generator=generator).tolist()
        costs = {"macs": macs, "parameters": 1, "accuracy_seen": accuracy}
        records.append(TrialRecord(number, "trained", costs, metric / 10))
        trial = optuna.trial.create_trial(values=[macs, accuracy, metric / 10])
        study.add_trial(trial)
    best: dict[tuple[float, ...], int] = {}
    for item in study.best_trials:
        best.setdefault(tuple(item.values), item.number)
    front = pareto_front(records, goals)
    assert {item.number for item in front} == set(best.values())
    assert [item.macs for item in front] == sorted(item.macs or 0 for item in front)


def test_the_knee_weighs_all_costs() -> None:
    """By hand: on both log-axes trial 1 lies at 0.5 and 0.1, trial 2 at 0.5 and 0.9."""
    goals = Objectives.of("macro_f1", ("macs", "outputs", "metric"))

    def record(number: int, macs: int, outputs: float, metric: float) -> TrialRecord:
        costs = {"macs": macs, "parameters": 1, "outputs": outputs}
        return TrialRecord(number, "trained", costs, metric)

    front = [
        record(0, 10, 10.0, 0.0),
        record(1, 100, 10.0**1.2, 0.6),
        record(2, 100, 10.0**2.8, 0.7),
        record(3, 1_000, 1_000.0, 1.0),
    ]
    assert knee(front, objectives=goals).number == 1
    assert knee(front).number == 2


def test_objectives_are_read_from_a_space_and_from_a_flag() -> None:
    space = parse_space(SPACE + "search: {objectives: [parameters, metric]}\n")
    assert space.search.objectives == ("parameters", "metric")
    assert SearchSpec(objectives="macs, metric").objectives == SearchSpec().objectives
    assert SearchSettings().search.objectives == ("macs", "metric")


@pytest.mark.usefixtures("workers_here")
@pytest.mark.parametrize("name", ["macs", "parameters"])
def test_a_bound_on_a_cost_that_all_networks_have_keeps_the_dear_ones_out(
    name: str, pictures: Path, tmp_path: Path
) -> None:
    space = parse_space(SPACE)
    draws = [space.sample(RandomTrial(np.random.default_rng(n))) for n in range(30)]
    reports = [count_architecture(item) for item in draws]
    values = [item.total if name == "macs" else item.parameters for item in reports]
    bound = float(sorted(values)[20])
    settings = settings_for(pictures, trials=2)
    settings = settings.model_copy(update={"budget": BudgetSpec(max={name: bound})})
    result = run_search(space, settings, out=tmp_path / "run", say=lambda _: None)
    trained = [item for item in result.records if item.state == "trained"]
    assert len(trained) == 2
    assert all(item.costs[name] <= bound for item in trained)


@pytest.mark.parametrize("value", [float("nan"), "dear", None])
def test_an_objective_that_fails_ends_the_search_before_it_begins(
    value: object, pictures: Path, tmp_path: Path
) -> None:
    def fails(network: CountedNetwork) -> Any:
        if value is None:
            raise RuntimeError("no such table")
        return value

    register_objective(Objective("failing", fails))
    settings = settings_for(pictures, trials=2)
    search = settings.search.model_copy(update={"objectives": ("failing", "metric")})
    with pytest.raises(NasError, match=r"the objective failing (gave|failed: RuntimeError: no)"):
        run_search(
            parse_space(SPACE),
            settings.model_copy(update={"search": search}),
            out=tmp_path / "run",
            say=lambda _: None,
        )
    assert not (tmp_path / "run").exists()

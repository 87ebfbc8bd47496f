"""Searches whose trainings are stopped: what is told, written, counted and shown."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from nas.report.tensorboard import TrialBoard
from nas.search.candidates import Limits, Proposer, price
from nas.search.choice import pareto_front
from nas.search.journal import JournalStore, open_study
from nas.search.pricing import PricedSpace
from nas.search.run import resume_search, run_search
from nas.search.samplers import Draws
from nas.search.settings import SearchSettings
from nas.search.stopping.dominance import DominanceRule
from nas.search.stopping.plan import StopPlan
from nas.search.stopping.rule import GO_ON, LearningCurve, NeverStop, StopRule, StopVerdict
from nas.search.trial_run import TrialRun
from nas.search.trials import count_spent, note_candidate, note_outcome, records_of
from nas.spec.budget import BudgetSpec
from nas.spec.space import parse_space
from tests.search.conftest import SPACE, put_workers_here, settings_for, trials_of

EPOCHS = 4
SHORT = 2


class StopsSome:
    """Stops every third trial after its short run, and every third after 3 full epochs."""

    def __init__(self) -> None:
        self.asked: list[tuple[LearningCurve, tuple[LearningCurve, ...]]] = []

    def should_stop(self, curve: LearningCurve, others: Sequence[LearningCurve]) -> StopVerdict:
        self.asked.append((curve, tuple(others)))
        at = {1: 0, 2: 3}.get(curve.number % 3)
        if len(curve.full) != at:
            return GO_ON
        return StopVerdict(True, 0.125, 0.02, f"trial {curve.number} is hopeless")


def settings(data: Path, trials: int = 6) -> SearchSettings:
    made = settings_for(data, trials=trials)
    search = made.search.model_copy(update={"stop": "dominance", "finalists": 0})
    training = made.training.model_copy(update={"epochs": EPOCHS})
    return made.model_copy(update={"training": training, "search": search})


def search(folder: Path, data: Path, rule: StopRule, short: int = SHORT, trials: int = 6) -> None:
    with pytest.MonkeyPatch.context() as patch:
        put_workers_here(patch)
        patch.setattr("nas.search.trainer.plan_stops", lambda *_: StopPlan(rule, short))
        run_search(parse_space(SPACE), settings(data, trials), out=folder, say=lambda text: None)


@pytest.fixture(scope="module")
def rule() -> StopsSome:
    return StopsSome()


@pytest.fixture(scope="module")
def stopped_run(rule: StopsSome, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six trials; 1 and 4 are stopped after the short run, 2 and 5 in the full one."""
    folder = tmp_path_factory.mktemp("runs") / "stops"
    search(folder, pictures, rule)
    return folder


def test_states_and_epochs_of_the_table(stopped_run: Path) -> None:
    records = trials_of(stopped_run)
    assert [item.state for item in records] == ["trained", "stopped", "stopped"] * 2
    assert [item.epochs for item in records] == [6, 2, 5] * 2
    for item in records:
        assert (item.metric is None) == (item.state == "stopped")
        assert item.predicted == (0.125 if item.state == "stopped" else None)
        assert item.reason == (
            f"trial {item.number} is hopeless" if item.state == "stopped" else None
        )
        assert item.seconds is not None
        assert item.seconds > 0
    head, *rows = (stopped_run / "trials.csv").read_text().splitlines()
    assert head.endswith("reason,predicted_macro_f1,epochs")
    assert rows[1].endswith("trial 1 is hopeless,0.125,2")


def test_a_stopped_trial_is_told_as_complete_with_what_was_predicted(stopped_run: Path) -> None:
    study = open_study(stopped_run / "study.log")
    for trial in study.get_trials():
        assert trial.state == TrialState.COMPLETE
        attributes = trial.user_attrs
        assert trial.values[0] == attributes["macs"]
        assert len(attributes["short_history"]) == SHORT
        assert len(attributes["history"]) == [4, 0, 3][trial.number % 3]
        if trial.number % 3:
            assert trial.values[1] == attributes["predicted"] == 0.125
            assert attributes["predicted_sd"] == 0.02
            assert attributes["outcome"] == "stopped"
            assert "metrics" not in attributes
        else:
            assert trial.values[1] == max(attributes["history"])
            assert "predicted" not in attributes
    sd = [item.predicted_sd for item in records_of(study)]
    assert sd == [None, 0.02, 0.02] * 2


def test_the_rule_sees_every_curve_that_ended_and_never_the_last_epoch(
    stopped_run: Path, rule: StopsSome
) -> None:
    asked = [(curve.number, len(curve.short), len(curve.full)) for curve, _ in rule.asked]
    assert asked[:5] == [(0, 2, 0), (0, 2, 1), (0, 2, 2), (0, 2, 3), (1, 2, 0)]
    assert max(full for _, _, full in asked) == EPOCHS - 1
    records = records_of(open_study(stopped_run / "study.log"))
    curve, others = rule.asked[-1]
    assert curve.number == 5
    assert curve.cost == records[5].macs
    assert [item.finished for item in others] == [True, False, False, True, False]
    for item, record in zip(others, records, strict=False):
        assert (item.number, item.cost) == (record.number, record.macs)
        assert (item.full, item.short) == (record.history, record.short_history)


def test_a_stopped_network_is_on_no_front_and_not_the_best(stopped_run: Path) -> None:
    records = trials_of(stopped_run)
    trained = {item.number for item in records if item.state == "trained"}
    front = {item.number for item in pareto_front(records)}
    assert front <= trained
    assert {path.name for path in (stopped_run / "front").iterdir()} == {
        f"trial-{number:04d}.yaml" for number in front
    }


def test_stopped_trials_are_spent(stopped_run: Path) -> None:
    said: list[str] = []
    assert count_spent(trials_of(stopped_run)) == 6
    before = trials_of(stopped_run)
    resume_search(stopped_run, say=said.append)
    assert "6 trials are done" in said[-1]
    assert trials_of(stopped_run) == before


def test_the_full_training_is_as_if_there_had_been_no_short_one(
    stopped_run: Path, pictures: Path, tmp_path: Path
) -> None:
    search(tmp_path / "run", pictures, NeverStop(), short=0)
    plain = records_of(open_study(tmp_path / "run" / "study.log"))
    for record in records_of(open_study(stopped_run / "study.log")):
        assert plain[record.number].short_history == ()
        assert plain[record.number].epochs == EPOCHS
        assert plain[record.number].history[: len(record.history)] == record.history


def test_the_short_training_has_a_schedule_of_its_own(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[tuple[str, float]] = []
    scalars = "nas.report.tensorboard.CurveWriter.scalars"

    def keep(board: object, step: int, values: dict[str, float]) -> None:
        name = next((tag for tag in values if tag.endswith("/validation")), "result")
        rates.append((name, values.get("learning_rate", math.nan)))

    monkeypatch.setattr(scalars, keep)
    search(tmp_path / "run", pictures, StopsSome())
    names = [name for name, _ in rates[:7]]
    assert names == ["short_macro_f1/validation"] * 2 + ["macro_f1/validation"] * 4 + ["result"]
    low = settings(pictures).training.learning_rate / 1_000
    assert rates[1][1] < low < rates[0][1]  # the short cycle ends at its end
    assert rates[5][1] < low < rates[3][1]


def test_tensorboard_shows_what_was_predicted(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with TrialBoard(tmp_path).trial(3, "name: x") as board:
        board.stopped({"macs": 77}, "macro_f1", 0.25)
    events = EventAccumulator(str(tmp_path / "trial-0003")).Reload()
    assert events.Scalars("result/predicted_macro_f1")[0].value == 0.25
    assert events.Scalars("result/macs")[0].value == 77
    assert "result/macro_f1" not in events.Tags()["scalars"]


def test_a_trial_killed_between_its_outcome_and_its_telling_is_as_if_never_begun() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"])
    space = parse_space(SPACE).with_classes(("class0", "class1", "class2"))
    trial = study.ask()
    note_candidate(trial, price(space.sample(trial)), -1)
    note_outcome(trial, "stopped", predicted=0.5, predicted_sd=0.1, reason="hopeless")
    assert [item.state for item in records_of(study)] == ["running"]
    study.tell(trial, state=TrialState.FAIL)
    assert records_of(study) == ()


def test_a_repeat_of_a_stopped_network_has_its_prediction(tmp_path: Path) -> None:
    study = optuna.create_study(directions=["minimize", "maximize"])
    space = parse_space(SPACE).with_classes(("class0", "class1", "class2"))
    draws = Draws("random", 0, PricedSpace(space, BudgetSpec()))
    proposer = Proposer(study, draws, Limits(BudgetSpec(), 9), JournalStore(tmp_path))
    first = proposer.propose()
    note_outcome(first.trial, "stopped", predicted=0.5, predicted_sd=0.1, reason="hopeless")
    study.tell(first.trial, [first.candidate.macs, 0.5])
    study.enqueue_trial(first.trial.params)
    proposer.propose()
    repeat = records_of(study)[1]
    assert (repeat.state, repeat.metric, repeat.predicted) == ("duplicate", None, 0.5)
    assert repeat.predicted_sd == 0.1
    assert study.trials[1].values == [first.candidate.macs, 0.5]


def test_a_search_with_the_dominance_rule_runs_and_stores_both_histories(
    pictures: Path, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        put_workers_here(patch)
        made = settings(pictures, trials=3)
        spec = made.search.model_copy(update={"short_epochs": 1})
        run_search(
            parse_space(SPACE),
            made.model_copy(update={"search": spec}),
            out=tmp_path / "run",
            say=lambda text: None,
        )
    records = records_of(open_study(tmp_path / "run" / "study.log"))
    assert [len(item.short_history) for item in records] == [1] * 3
    assert [item.epochs for item in records] == [5] * 3
    assert [item.state for item in records] == ["trained"] * 3  # too few to stop any


@pytest.mark.slow
def test_the_dominance_rule_stops_what_the_first_networks_beat(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first two are at 0.9 from the first epoch on, all others stay at 0.1."""
    take_in = TrialRun.take_in

    def take_in_fixed(course: TrialRun, *arguments: Any, **options: Any) -> None:
        take_in(course, *arguments, **options)
        course.full[-1] = 0.9 if course.number < 2 else 0.1

    monkeypatch.setattr(TrialRun, "take_in", take_in_fixed)
    rule = DominanceRule(EPOCHS, least_curves=2)
    search(tmp_path / "run", pictures, rule, short=0, trials=10)
    first, second, *others = trials_of(tmp_path / "run")
    assert first.state == second.state == "trained"
    cheapest = min(first.macs or 0, second.macs or 0)
    beaten = [item for item in others if (item.macs or 0) >= cheapest]
    assert beaten, "one is dearer than the first two"
    assert {item.state for item in beaten} == {"stopped"}
    for item in beaten:
        assert item.epochs == 1
        assert item.predicted == pytest.approx(0.1, abs=0.05)
        assert "at best" in (item.reason or "")
    assert all(item.state == "trained" for item in others if item not in beaten)

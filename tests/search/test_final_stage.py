"""The last stage of a search: its trainings' journal, kill and resume, time, what it leaves."""

import csv
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Sequence
from itertools import chain
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna.trial import TrialState

from nas.runs.records import FinalRecord, finalist_columns
from nas.search import final_trainer
from nas.search.executors.local import LocalWorkers
from nas.search.final_stage import NO_TIME
from nas.search.final_study import Decide, claim_final, read_finals
from nas.search.finalists import Final
from nas.search.journal import JournalStore, open_study
from nas.search.run import SearchInterrupted, resume_search, run_search
from nas.search.settings import SearchSettings
from nas.spec.space import parse_space

from .conftest import METRIC, SPACE, copy_of, settings_for, trials_of
from .test_kill import PATIENCE_S, begin, kill, wait_for


def wanting(*pairs: tuple[int, int]) -> Decide:
    """Decides for the first (trial, seed) that was not begun."""

    def decide(begun: Sequence[FinalRecord]) -> Final | None:
        known = {(item.trial, item.seed) for item in begun}
        left = [pair for pair in pairs if pair not in known]
        return Final(*left[0], 1, "hash", 4) if left else None

    return decide


WANTED = [(trial, seed) for trial in range(5) for seed in range(1, 5)]


def claim_alone(folder: str, number: int, start: Barrier) -> None:
    """Take all that is left, as one of several processes."""
    study, generator = open_study(Path(folder, "log")), random.Random(number)
    plain = wanting(*WANTED)

    def decide(begun: Sequence[FinalRecord]) -> Final | None:
        time.sleep(generator.random() / 100)  # others would step in between
        return plain(begun)

    taken = []
    while (claimed := claim_final(JournalStore(Path(folder)), study, decide)) is not None:
        taken.append(f"{claimed[1].trial} {claimed[1].seed}")
        if len(taken) == 1:
            start.wait()  # each has one, however busy the machine
    Path(folder, f"taken-{number}").write_text("\n".join(taken))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_no_training_is_taken_twice(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")  # needs no second to import PyTorch
    study = open_study(tmp_path / "log")
    start = context.Barrier(6, timeout=120)
    processes = [
        context.Process(target=claim_alone, args=(str(tmp_path), n, start)) for n in range(6)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 6
    shares = [file.read_text().splitlines() for file in tmp_path.glob("taken-*")]
    assert sorted(chain(*shares)) == [f"{trial} {seed}" for trial, seed in WANTED]
    assert [bool(share) for share in shares] == [True] * 6, "by several at a time"
    assert [(item.trial, item.seed) for item in read_finals(study)] == WANTED


def test_an_interrupted_training_is_taken_again_and_a_deadly_one_is_not(tmp_path: Path) -> None:
    study = open_study(tmp_path / "log")
    decide = wanting((3, 1))
    assert claim_final(JournalStore(tmp_path), study, decide)
    JournalStore(tmp_path).give_back(study)
    assert read_finals(study) == ()
    assert claim_final(JournalStore(tmp_path), study, decide)
    JournalStore(tmp_path).give_back(study, reason="worker process ended with signal 9")
    assert claim_final(JournalStore(tmp_path), study, decide) is None
    [failed] = read_finals(study)
    assert failed.state == "failed"
    assert failed.reason == "worker process ended with signal 9"


def finals_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "finalists.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def changed(settings: SearchSettings, **search: Any) -> SearchSettings:
    return settings.model_copy(update={"search": settings.search.model_copy(update=search)})


@pytest.mark.usefixtures("workers_here")
def test_what_the_finalists_leave(finished: Path) -> None:
    rows = finals_of(finished)
    assert list(rows[0]) == list(finalist_columns(METRIC))
    assert 2 <= len(rows) <= 6
    assert {row["seed"] for row in rows} == {"1", "2"}
    assert {row["state"] for row in rows} == {"trained"}
    macs = {item.number: item.macs for item in trials_of(finished)}
    for row in rows:
        assert int(row["macs"]) == macs[int(row["trial"])]
        # The best epoch's, as the search's own values are.
        assert max(map(float, row["history"].split())) == float(row["macro_f1"])
    origin = yaml.safe_load((finished / "best.yaml").read_text())["provenance"]
    own = [float(row["macro_f1"]) for row in rows if row["trial"] == str(origin["trial"])]
    assert origin["macro_f1_seeds"] == [1, 2]
    assert origin["macro_f1_mean"] == pytest.approx(sum(own) / 2, abs=1e-5)
    assert origin["macro_f1_at_least"] < origin["macro_f1_mean"]
    assert "Finalists" in (finished / "report.html").read_text()
    # The search's own trainings are as many as asked for: finalists are no trials.
    assert sum(item.state == "trained" for item in trials_of(finished)) == 4


@pytest.mark.usefixtures("workers_here")
def test_seeds_make_a_difference_and_come_back(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    before = finals_of(run)
    for name in ("finalists.log", "finalists.csv"):
        (run / name).unlink()
    resume_search(run, say=lambda text: None)
    known = {(row["trial"], row["seed"]): row["history"] for row in before}
    again = {(row["trial"], row["seed"]): row["history"] for row in finals_of(run)}
    assert again == known


@pytest.mark.usefixtures("workers_here")
def test_finalists_can_be_turned_off_and_on(tmp_path: Path, pictures: Path) -> None:
    run = tmp_path / "run"
    settings = changed(settings_for(pictures, trials=3), finalists=0)
    result = run_search(parse_space(SPACE), settings, out=run, say=lambda text: None)
    assert not (run / "finalists.csv").exists()
    assert result.verdict.certainty.finals == ()
    assert (run / "best.yaml").is_file()
    resume_search(run, say=lambda text: None, change=lambda old: changed(old, finalists=1))
    assert len(finals_of(run)) == 2


@pytest.mark.parametrize("minutes", [1e-9, 0.02])
def test_no_time_for_finalists_is_said(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float
) -> None:
    """Both where the time is over, and where it ends while the workers start."""
    run = copy_of(finished, tmp_path)
    for name in ("finalists.log", "finalists.csv"):
        (run / name).unlink()
    now = [0.0]

    def start(self: LocalWorkers, on_poll: Any) -> None:
        now[0] += 60 * minutes

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(LocalWorkers, "run", start)
    said: list[str] = []
    resume_search(run, say=said.append, change=lambda old: changed(old, minutes=minutes))
    assert NO_TIME in said
    assert (run / "best.yaml").is_file()


@pytest.mark.usefixtures("workers_here")
def test_ctrl_c_among_the_finalists_loses_none(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, calls = final_trainer.fit, []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fit(*arguments, **options)

    monkeypatch.setattr(final_trainer, "fit", interrupted)
    run = tmp_path / "run"
    settings = changed(settings_for(pictures, trials=3), finalists=1)
    with pytest.raises(SearchInterrupted) as caught:
        run_search(parse_space(SPACE), settings, out=run, say=lambda text: None)
    assert caught.value.result is not None
    [first] = finals_of(run)
    assert caught.value.result.best == int(first["trial"])
    resume_search(run, say=lambda text: None)
    assert len(calls) == 3
    assert finals_of(run)[0] == first
    assert len(finals_of(run)) == 2


@pytest.mark.usefixtures("workers_here")
def test_a_finalist_that_fails_is_told_and_left(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        raise MemoryError("no memory")

    monkeypatch.setattr(final_trainer, "fit", broken)
    said: list[str] = []
    run = tmp_path / "run"
    settings = changed(settings_for(pictures, trials=2), finalists=1)
    result = run_search(parse_space(SPACE), settings, out=run, say=said.append)
    assert [row["state"] for row in finals_of(run)] == ["failed"] * 2
    assert sum("no memory" in line for line in said) == 2
    assert result.choice is not None, "chosen by the model then"
    assert result.verdict.certainty.estimates[result.choice.number].seeds == ()


@pytest.mark.usefixtures("workers_here")
def test_time_is_kept_for_finalists(
    tmp_path: Path, pictures: Path, slow_trainings: list[float]
) -> None:
    """Six finalists' trainings that take as long as the search's leave it about two thirds."""
    settings = changed(settings_for(pictures, trials=100, minutes=3.0), stop="none", short_epochs=0)
    run = tmp_path / "run"
    said: list[str] = []
    run_search(parse_space(SPACE), settings, out=run, say=said.append)
    trained = sum(item.state == "trained" for item in trials_of(run))
    assert trained == 12, "of 180 s 60 are kept"
    assert len(finals_of(run)) == 6
    assert slow_trainings == [180]
    assert "The time is up" in said[-1]


@pytest.mark.slow
def test_killed_among_the_finalists(tmp_path: Path, pictures: Path) -> None:
    def done() -> list[FinalRecord]:
        journal = tmp_path / "run" / "finalists.log"
        known = read_finals(open_study(journal)) if journal.exists() else ()
        return [item for item in known if item.state == "trained"]

    process = begin(tmp_path, pictures, 5)
    wait_for(lambda: len(done()) >= 1)
    kill(process)
    before = done()
    resume_search(tmp_path / "run", say=lambda text: None)
    after = finals_of(tmp_path / "run")
    assert len({(row["trial"], row["seed"]) for row in after}) == len(after) <= 6
    for item in before:
        [row] = [r for r in after if (r["trial"], r["seed"]) == (str(item.trial), str(item.seed))]
        assert float(row["macro_f1"]) == item.metric


@pytest.mark.slow
def test_killed_worker_among_the_finalists(tmp_path: Path, pictures: Path) -> None:
    process = begin(tmp_path, pictures, 4)
    journal = tmp_path / "run" / "finalists.log"

    def in_training() -> list[int]:
        if not journal.exists():
            return []
        trials = open_study(journal).get_trials(deepcopy=False)
        running = [item for item in trials if item.state == TrialState.RUNNING]
        return [
            item.user_attrs["worker"] for item in running if "architecture_hash" in item.user_attrs
        ]

    victims: list[int] = []
    wait_for(lambda: bool(victims.extend(in_training()) or victims))
    os.kill(victims[-1], signal.SIGKILL)
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert "<- best" in out
    rows = finals_of(tmp_path / "run")
    assert all(row["state"] in ("trained", "failed") for row in rows)
    assert len({(row["trial"], row["seed"]) for row in rows}) == len(rows)

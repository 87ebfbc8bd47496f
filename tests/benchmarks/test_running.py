"""Runs side by side: on their own cores, kept once they are done, begun anew otherwise."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.wall_clock import arm_process
from benchmarks.wall_clock.arm_process import Job
from benchmarks.wall_clock.arms import OURS, Arm, ArmRun, Terms, command, read_run, read_runs
from benchmarks.wall_clock.running import open_jobs, run_side_by_side
from nas.cli.search import search
from nas.errors import NasError
from nas.search.journal import open_study

TERMS = Terms(
    data="pictures",
    space="shufflenet.yaml",
    minutes=0.01,
    epochs=1,
    max_macs=10_000_000,
    cores_each=1,
    our_flags="--sampler tpe",
)
CORES = sorted(os.sched_getaffinity(0))
SLOTS = [(core,) for core in CORES]
SAY_CORES = "import os; print(*os.sched_getaffinity(0))"


def stand_in(monkeypatch: pytest.MonkeyPatch, code: Callable[[Arm, int], str]) -> None:
    """Run Python code in place of the arms' commands."""

    def instead(arm: Arm, seed: int, terms: Terms, folder: Path) -> list[str]:
        return [sys.executable, "-c", code(arm, seed)]

    monkeypatch.setattr(arm_process, "command", instead)


@pytest.mark.slow
def test_runs_stay_on_their_cores_and_are_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, lambda arm, seed: SAY_CORES)
    jobs = open_jobs(tmp_path, ("ours", "plain"), (0, 1), TERMS)
    assert [(job.arm, job.seed) for job in jobs] == [
        ("ours", 0), ("plain", 0), ("plain", 1), ("ours", 1),
    ]  # fmt: skip
    assert run_side_by_side(jobs, SLOTS, TERMS, lambda text: None) == []
    runs = read_runs(tmp_path)
    assert [run.name for run in runs] == [
        "ours seed 0",
        "ours seed 1",
        "plain seed 0",
        "plain seed 1",
    ]
    for run in runs:
        assert (run.folder / "output.txt").read_text().split() == [str(core) for core in run.cores]
        assert run.ended_at is not None
        assert run.ended_at >= run.started_at
    assert os.sched_getaffinity(0) == set(CORES)
    assert open_jobs(tmp_path, ("ours", "plain"), (0, 1), TERMS) == []
    with pytest.raises(NasError, match="other terms"):
        open_jobs(tmp_path, ("ours",), (0,), replace(TERMS, minutes=5.0))


@pytest.mark.slow
def test_a_run_that_failed_is_named_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, lambda arm, seed: f"raise SystemExit({seed})")
    jobs = open_jobs(tmp_path, ("plain",), (0, 1), TERMS)
    assert run_side_by_side(jobs, SLOTS[:1], TERMS, lambda text: None) == ["plain seed 1"]
    again = open_jobs(tmp_path, ("plain",), (0, 1), TERMS)
    assert [job.seed for job in again] == [1]
    stand_in(monkeypatch, lambda arm, seed: "")
    assert run_side_by_side(again, SLOTS[:1], TERMS, lambda text: None) == []
    assert (tmp_path / "plain-seed1.interrupted-1" / "output.txt").exists()
    assert [run.seed for run in read_runs(tmp_path)] == [0, 1]


def test_what_ends_the_runner_ends_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived = tmp_path / "survived"
    code = f"import pathlib, time; time.sleep(60); pathlib.Path({str(survived)!r}).touch()"
    stand_in(monkeypatch, lambda arm, seed: code)
    spoken: list[str] = []

    def say(text: str) -> None:
        spoken.append(text)
        with pytest.raises(NasError, match="under way"):
            arm_process.ArmProcess(job, SLOTS[0], TERMS)
        raise KeyboardInterrupt

    job = Job(tmp_path / "plain-seed0", "plain", 0)
    with pytest.raises(KeyboardInterrupt):
        run_side_by_side([job], SLOTS[:1], TERMS, say)
    assert spoken[0].endswith(f"begins on cores {SLOTS[0]}")
    assert not survived.exists(), "the runner waited for it"
    assert read_run(job.folder).ended_at is None
    with arm_process._held(tmp_path / ".plain-seed0.lock"):  # nobody holds it any more
        pass


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = ArmRun(tmp_path, "ours", 3, TERMS, 12.5, (0, 1), 20.0, 7.5, {"torch": "2"})
    run.write()
    assert read_run(tmp_path) == run
    with pytest.raises(NasError, match="no runs"):
        read_runs(tmp_path / "nothing")


def test_ours_without_stopping_differs_in_that_alone(tmp_path: Path) -> None:
    terms = replace(TERMS, our_flags="--stop asha --short-epochs 3")
    ours, bare = (command(arm, 0, terms, tmp_path) for arm in OURS)
    assert bare == [*ours, "--stop", "none", "--short-epochs", "0"]
    parsed = search.make_context("search", bare[bare.index("search") + 1 :])
    assert (parsed.params["stop"], parsed.params["short_epochs"]) == ("none", 0)


def test_ours_without_stopping_is_read_as_ours(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    study = open_study(tmp_path / "search" / "study.log")
    trial = study.ask()
    for name, value in {"outcome": "trained", "macs": 7, "epochs": 1}.items():
        trial.set_user_attr(name, value)
    trial.set_user_attr("architecture_hash", "a")
    trial.set_user_attr("architecture", "name: x")
    study.tell(trial, [7, 0.5])
    for arm in OURS:
        found = ArmRun(tmp_path, arm, 0, TERMS, time.time() - 1, (0,)).timeline(1.0)
        assert [item.macro_f1 for item in found.measured] == [0.5]


@pytest.mark.parametrize("arm", ["plain", "plain-our-engine"])
def test_the_script_trains_with_the_cores_that_it_has(arm: Arm, tmp_path: Path) -> None:
    def flags(cores: int) -> str:
        return " ".join(command(arm, 0, replace(TERMS, cores_each=cores), tmp_path))

    usual = arm == "plain"
    assert "--threads 1 --workers 0" in flags(1)
    assert ("--threads 1 --workers 2" if usual else "--threads 2 --workers 0") in flags(2)

"""Real processes, really killed."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.runs.records import TrialRecord
from nas.search.journal import open_study
from nas.search.run import resume_search
from nas.search.settings import SearchSettings
from nas.search.trials import records_of
from tests.runs.trials_csv import read_trials_csv

from .conftest import METRIC, SPACE, start_nas

PATIENCE_S = 120


def wait_for(what: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def trained(run: Path) -> list[TrialRecord]:
    if not (run / "study.log").exists():
        return []
    return [item for item in records_of(open_study(run / "study.log")) if item.state == "trained"]


def workers_of(process: "subprocess.Popen[str]") -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [
        int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def begin(folder: Path, data: Path, trials: int, *arguments: object) -> "subprocess.Popen[str]":
    (folder / "space.yaml").write_text(SPACE)
    return start_nas(
        folder, "search", "--space", "space.yaml", "--data", data, "--out", "run",
        "--trials", trials, "--workers", 2, "--sampler", "random", *arguments,
    )  # fmt: skip


def kill(process: "subprocess.Popen[str]") -> None:
    """kill -9 of the main process: the workers must end by themselves."""
    workers = workers_of(process)
    process.kill()
    process.communicate()
    wait_for(lambda: all(gone(pid) for pid in workers))


def check_whole(run: Path, trials: int, known: dict[int, TrialRecord]) -> None:
    records = read_trials_csv(run / "trials.csv", METRIC)
    spent = [item for item in records if item.state in ("trained", "failed")]
    assert len(spent) == trials
    hashes = [item.architecture_hash for item in spent]
    assert len(set(hashes)) == len(hashes), "a network was trained twice"
    values = {item.number: item.metric for item in records}
    for number, record in known.items():
        assert values[number] == record.metric, "a finished trial is lost"
    assert not [item for item in records if item.state == "running"]


def set_trials(trials: int) -> Callable[[SearchSettings], SearchSettings]:
    def change(settings: SearchSettings) -> SearchSettings:
        search = settings.search.model_copy(update={"trials": trials})
        return settings.model_copy(update={"search": search})

    return change


@pytest.mark.slow
@pytest.mark.usefixtures("workers_here")
def test_kill_and_resume(tmp_path: Path, pictures: Path) -> None:
    process = begin(tmp_path, pictures, 200)
    run = tmp_path / "run"
    wait_for(lambda: len(trained(run)) >= 3)
    kill(process)
    known = {item.number: item for item in trained(run)}
    trials = len(known) + 3
    resume_search(run, say=lambda text: None, change=set_trials(trials))
    check_whole(run, trials, known)


@pytest.mark.slow
def test_killed_again_and_again(tmp_path: Path, pictures: Path) -> None:
    run, known = tmp_path / "run", {}
    process = begin(tmp_path, pictures, 200)
    for wanted in (3, 9, 15):
        wait_for(lambda wanted=wanted: len(trained(run)) >= wanted)
        process.kill()  # and go on at once: the workers of before are still there
        process.communicate()
        known |= {item.number: item for item in trained(run)}
        process = start_nas(tmp_path, "search", "--resume", "run", "--trials", 40)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    check_whole(run, 40, known)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_says_how_to_go_on(
    tmp_path: Path, pictures: Path, number: int
) -> None:
    process = begin(tmp_path, pictures, 200)
    run = tmp_path / "run"
    wait_for(lambda: len(trained(run)) >= 2)
    os.killpg(process.pid, number)
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number
    assert errors.strip() == "Interrupted. Go on with: nas search --resume run"
    assert "<- best" in out
    assert "\x1b" not in out
    for item in trained(run):
        line = f"trial {item.number:3} "
        assert sum(said.startswith(line) for said in out.splitlines()) == 1, out
    check_whole(run, len(trained(run)), {item.number: item for item in trained(run)})
    assert (run / "best.yaml").is_file()


@pytest.mark.slow
def test_killed_worker_is_replaced(tmp_path: Path, pictures: Path) -> None:
    process = begin(tmp_path, pictures, 60)
    run = tmp_path / "run"
    wait_for(lambda: len(trained(run)) >= 2)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    check_whole(run, 60, {})
    assert "signal 9" in (run / "log.txt").read_text()
    counts = [
        line.split(" trained")[0].split(", ")[-1] for line in out.splitlines() if "/60" in line
    ]
    done = [int(text.split("/")[0]) for text in counts]
    assert done == sorted(done)
    assert done[-1] >= 59

"""Workers that die are replaced, and what they were doing is written down."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from threadpoolctl import threadpool_info

from nas.errors import NasError
from nas.runs.folder import append_log
from nas.search.candidates import Limits
from nas.search.executors import local as executor_module
from nas.search.executors.local import THREAD_VARIABLES, LocalWorkers
from nas.search.job import Job
from nas.search.journal import open_study
from nas.search.settings import SearchSettings
from nas.search.trials import note_outcome, records_of
from nas.search.worker import ENDS, work_in_process
from nas.spec.budget import BudgetSpec
from nas.spec.search import SearchSpec
from tests.search.conftest import METRIC, SPACE
from tests.search.test_candidates import finish, proposer_for

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


class ForkedWorkers(LocalWorkers):
    """Forks, which needs no second to import PyTorch."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._context = multiprocessing.get_context("fork")


def job_in(folder: Path, trials: int = 4) -> Job:
    settings = SearchSettings(search=SearchSpec(trials=trials, sampler="random"), threads=1)
    return Job(folder, settings, ("a", "b"), METRIC, 0, None)


def run_workers(job: Job, count: int, target: Any) -> list[int]:
    """Run `target(job, parent)` as worker; the lengths of the process list at each poll."""
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor_module, "work_in_process", target)
        patch.setattr(executor_module, "POLL_S", 0.02)
        with ForkedWorkers(open_study(job.folder / "study.log"), job, count) as workers:
            workers.run(lambda: seen.append(len(workers.processes)))
        assert not workers.processes
    return seen


def dies_in_training(job: Job, parent: int) -> None:
    limits = Limits(BudgetSpec(), job.settings.search.trials)
    proposer = proposer_for(job.folder, SPACE, limits, job.index)
    proposal = proposer.propose()
    if job.index == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    finish(proposer, proposal)
    while True:
        try:
            finish(proposer, proposer.propose())
        except Exception:
            return


def dies_while_it_draws(job: Job, parent: int) -> None:
    if job.index == 0:
        study = open_study(job.folder / "study.log")
        study.ask().suggest_int("stem.out.position", 0, 15)
        os.kill(os.getpid(), signal.SIGKILL)
    dies_in_training(job, parent)


def test_killed_worker_fails_its_trial_and_is_replaced(tmp_path: Path) -> None:
    run_workers(job_in(tmp_path), 1, dies_in_training)
    records = records_of(open_study(tmp_path / "study.log"))
    spent = [item for item in records if item.state != "duplicate"]
    assert [item.state for item in spent] == ["failed", "trained", "trained", "trained"]
    assert spent[0].reason == "worker process ended with signal 9 (memory may have run out)"
    assert spent[0].macs is not None
    assert "signal 9" in (tmp_path / "log.txt").read_text()


def test_worker_killed_before_its_network_was_known_costs_no_training(tmp_path: Path) -> None:
    run_workers(job_in(tmp_path), 1, dies_while_it_draws)
    records = records_of(open_study(tmp_path / "study.log"))
    assert [item.state for item in records if item.state != "duplicate"] == ["trained"] * 4


def dies_before_it_tells(job: Job, parent: int) -> None:
    if job.index == 0:
        limits = Limits(BudgetSpec(), job.settings.search.trials)
        proposal = proposer_for(job.folder, SPACE, limits, job.index).propose()
        note_outcome(proposal.trial, "trained", epochs=1)
        os.kill(os.getpid(), signal.SIGKILL)
    dies_in_training(job, parent)


def test_network_whose_outcome_was_not_told_is_trained_again_first(tmp_path: Path) -> None:
    run_workers(job_in(tmp_path), 1, dies_before_it_tells)
    study = open_study(tmp_path / "study.log")
    killed, again = study.trials[:2]
    assert killed.state == optuna.trial.TrialState.FAIL
    assert again.params == killed.params
    records = [item for item in records_of(study) if item.state != "duplicate"]
    assert [item.state for item in records] == ["trained"] * 4
    assert records[0].number == again.number


def ends_at_once(job: Job, parent: int) -> None:
    raise SystemExit(3)


def test_workers_that_only_die_end_the_search(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="exit code 3, 4 times with nothing done"):
        run_workers(job_in(tmp_path), 1, ends_at_once)


def dies_whenever_it_draws(job: Job, parent: int) -> None:
    open_study(job.folder / "study.log").ask()
    append_log(job.folder, f"worker {job.index}{ENDS}the table is gone")
    raise SystemExit(3)


def test_workers_that_die_without_a_network_end_the_search_with_their_last_words(
    tmp_path: Path,
) -> None:
    with pytest.raises(NasError, match="4 times with nothing done; the last one said: the table"):
        run_workers(job_in(tmp_path), 1, dies_whenever_it_draws)


def dies_of_a_network_in_vain(job: Job, parent: int) -> None:
    """It notes the network and an outcome, which are drawn again for ever."""
    limits = Limits(BudgetSpec(), job.settings.search.trials)
    proposal = proposer_for(job.folder, SPACE, limits, job.index).propose()
    note_outcome(proposal.trial, ("duplicate", "trained")[job.index % 2])
    raise SystemExit(3)


def test_networks_in_vain_do_not_reset_the_count_of_deaths(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="exit code 3, 4 times with nothing done"):
        run_workers(job_in(tmp_path), 1, dies_of_a_network_in_vain)


def hangs(job: Job, parent: int) -> None:
    (job.folder / f"begun-{os.getpid()}").touch()
    time.sleep(600)


@pytest.mark.parametrize("error", [KeyboardInterrupt, NasError("no")])
def test_none_is_left_behind(tmp_path: Path, error: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def poll() -> None:
        if len(list(tmp_path.glob("begun-*"))) == 2:
            raise error

    monkeypatch.setattr(executor_module, "work_in_process", hangs)
    job = job_in(tmp_path)
    workers = ForkedWorkers(open_study(job.folder / "study.log"), job, 2)
    with pytest.raises(type(error) if isinstance(error, NasError) else error), workers:
        workers.run(poll)
    for file in tmp_path.glob("begun-*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.name.removeprefix("begun-")), 0)


def writes_its_world(job: Job, parent: int) -> None:
    values = [os.environ[name] for name in THREAD_VARIABLES]
    blocked = {signal.SIGINT, signal.SIGTERM} <= signal.pthread_sigmask(signal.SIG_BLOCK, ())
    (job.folder / "world").write_text(f"{values} {blocked}")


def test_threads_are_set_before_anything_is_imported(tmp_path: Path) -> None:
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    run_workers(job_in(tmp_path), 1, writes_its_world)
    assert (tmp_path / "world").read_text() == "['1', '1', '1'] True"
    assert {name: os.environ.get(name) for name in THREAD_VARIABLES} == before
    assert not {signal.SIGINT, signal.SIGTERM} & signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_worker_whose_parent_is_gone_does_nothing(tmp_path: Path) -> None:
    work_in_process(job_in(tmp_path), parent=-1)
    assert not (tmp_path / "study.log").exists()
    assert threading.active_count() == 1 or "follow" not in str(threading.enumerate())


def write_threads(job: Job, parent: int) -> None:
    import torch

    pools = {pool["num_threads"] for pool in threadpool_info()}
    (job.folder / "threads").write_text(f"{torch.get_num_threads()} {max(pools)}")


@pytest.mark.slow
def test_spawned_worker_has_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(executor_module, "work_in_process", write_threads)
    with LocalWorkers(open_study(tmp_path / "study.log"), job_in(tmp_path), 1) as workers:
        workers.run(lambda: None)
    assert (tmp_path / "threads").read_text() == "1 1"

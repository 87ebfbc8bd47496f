"""Runs the workers of a search as processes of this machine, and replaces one that dies."""

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from typing import Any

import optuna
from optuna.trial import TrialState

from nas.errors import NasError
from nas.runs import append_log
from nas.search.trials import note_deaths
from nas.search.worker import Job, work_in_process

MAX_DEATHS = 3
"""Workers that may die in a row without a trial ending, before the search is given up."""
POLL_S = 0.3


@dataclass
class LocalWorkers:
    """The processes of one search; a context that leaves none behind."""

    study: optuna.Study
    job: Job
    trainings: int
    """Networks that may still be trained."""
    processes: list[BaseProcess] = field(default_factory=list)

    def __enter__(self) -> "LocalWorkers":
        self._context = multiprocessing.get_context("spawn")
        self._tickets: Any = self._context.Queue()
        for _ in range(self.trainings):
            self._tickets.put(1)
        self._started = 0
        self._deaths = 0
        count = min(self.job.settings.workers, self.trainings)
        self.processes = [self._start() for _ in range(count)]
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join(timeout=5)
            if process.is_alive():
                process.kill()
                process.join()
        self._tickets.cancel_join_thread()
        self._tickets.close()

    def wait(self, on_poll: Callable[[], None]) -> None:
        """Return when all workers have ended; `on_poll` is called a few times a second.

        Raises NasError when workers die one after the other with nothing done.
        """
        while self.processes:
            on_poll()
            for process in [item for item in self.processes if not item.is_alive()]:
                self.processes.remove(process)
                if process.exitcode:
                    self._replace(process)
            time.sleep(POLL_S)
        on_poll()

    def _start(self) -> BaseProcess:
        job = replace(self.job, index=self._started)
        self._started += 1
        process = self._context.Process(
            target=work_in_process, args=(job, self._tickets, os.getpid()), daemon=False
        )
        process.start()
        return process

    def _replace(self, dead: BaseProcess) -> None:
        """Write down what the dead worker was doing, and start another."""
        how = f"worker process ended with {_exit_text(dead.exitcode)}"
        append_log(self.job.folder, how)
        ended = fail_running(self.study, pid=dead.pid)
        note_deaths(self.study, ended, how)
        self._deaths = 0 if ended else self._deaths + 1
        if self._deaths > MAX_DEATHS:
            raise NasError(f"{how}, {self._deaths} times with nothing done", file=self.job.folder / "log.txt")
        self.processes.append(self._start())


def _exit_text(code: int | None) -> str:
    if code is not None and code < 0:
        killed = " (memory may have run out)" if code == -9 else ""
        return f"signal {-code}{killed}"
    return f"exit code {code}"


def fail_running(study: optuna.Study, *, pid: int | None = None) -> list[int]:
    """End the running trials, of the process `pid` only if it is given. Returns their numbers."""
    ended = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if pid is None or trial.user_attrs.get("pid") == pid:
            study.tell(trial.number, state=TrialState.FAIL)
            ended.append(trial.number)
    return ended

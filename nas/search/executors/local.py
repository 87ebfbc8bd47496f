"""Runs the workers of a search as processes of this machine, and replaces one that dies."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess

import optuna

from nas.errors import NasError
from nas.machine import exit_text
from nas.runs.folder import append_log, last_in_log
from nas.search.executors.base import Executor
from nas.search.job import Job
from nas.search.store import worker_name
from nas.search.worker import ENDS, work_in_process

MAX_DEATHS = 3
"""Workers that may die while no training ends or fails, before the search is given up."""
POLL_S = 0.3
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What libraries read while they are imported: too early for a call in the worker."""


class LocalWorkers(Executor):
    """Processes of this machine, which are named by their process ids."""

    def __init__(self, study: optuna.Study, job: Job, count: int) -> None:
        super().__init__(study, job, count)
        self.processes: list[BaseProcess] = []
        self._context = multiprocessing.get_context("spawn")
        self._started = 0
        self._deaths = 0
        self._done = self.count_done()
        self._names: dict[int, str] = {}
        """Of workers in a study that others share, by process."""

    def end(self) -> None:
        """Kill them: a worker loses nothing by it but what it was training."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.join()
            if (name := self._names.get(process.pid or 0)) is not None:
                self.job.store(name).hand_over(self.study)
        self.processes.clear()

    def run(self, on_poll: Callable[[], None]) -> None:
        for _ in range(self.count):
            self._start()
        while self.processes:
            on_poll()
            for process in [item for item in self.processes if not item.is_alive()]:
                self.processes.remove(process)
                if process.exitcode:
                    self._replace(process)
            time.sleep(POLL_S)
        on_poll()

    def _start(self) -> None:
        name = worker_name() if self.store.shared else None
        job = replace(self.job, index=self._started, worker=name)
        self._started += 1
        process = self._context.Process(target=work_in_process, args=(job, os.getpid()))
        self.processes.append(process)
        with _environment(job.settings.threads), _deaf_to_signals():
            process.start()
        if name is not None and process.pid is not None:
            self._names[process.pid] = name

    def _replace(self, dead: BaseProcess) -> None:
        """Write down what the dead worker was doing, and start another."""
        how = f"worker process ended with {exit_text(dead.exitcode)}"
        append_log(self.job.folder, how)
        if dead.pid is not None:
            self.give_back(self._names.get(dead.pid, dead.pid), how)
        done = self.count_done()
        self._deaths = 1 if done > self._done else self._deaths + 1
        self._done = done
        if self._deaths > MAX_DEATHS:
            last = last_in_log(self.job.folder, ENDS)
            raise NasError(
                f"{how}, {self._deaths} times with nothing done; "
                + (f"the last one said: {last}" if last else "log.txt tells more"),
                file=self.job.folder,
            )
        self._start()


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """The thread counts in the environment, for a child to be started."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _deaf_to_signals() -> Iterator[None]:
    """A child started here never hears Ctrl-C nor SIGTERM, which the parent answers by ending it.

    Both may be sent to a whole group of processes: a worker that died of them would count as one
    that its network killed.
    """
    resource_tracker.ensure_running()  # its start would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""What runs the workers of a search, and the kinds of it by name.

Another one (a Ray cluster) is an `Executor` of its own and a line in `_HOMES`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from types import TracebackType
from typing import Self

import optuna
from optuna.trial import TrialState

from nas.errors import NasError, did_you_mean
from nas.search.job import Job
from nas.search.store import WorkerName

_DONE = (
    (TrialState.COMPLETE, "trained"),
    (TrialState.COMPLETE, "stopped"),
    (TrialState.FAIL, "failed"),
)
"""A training that ended, and was told; a network that was drawn in vain has another outcome."""


class Executor(ABC):
    """Runs the workers of one stage of a search; a context that leaves none behind.

    A worker calls `nas.search.worker.work(job, store)` with `job.store(NAME)`, whose `alive` it
    holds meanwhile. NAME is a number of its own among those that are alive. What a dead one held is
    given back by the executor.
    """

    def __init__(self, study: optuna.Study, job: Job, count: int) -> None:
        """`count` workers do the job, of which `study` is told; none is started yet."""
        self.study = study
        self.job = job
        self.count = count
        self.store = job.store()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @abstractmethod
    def run(self, on_poll: Callable[[], None]) -> None:
        """Start the workers, return when all have ended; `on_poll` is called a few times a second.

        Raises NasError when workers die one after the other with nothing done.
        """

    @abstractmethod
    def end(self) -> None:
        """End the workers that are left; return when none is."""

    def give_back(self, worker: WorkerName, reason: str) -> None:
        """Give back what a dead worker held.

        A network in training has failed for the `reason`. One whose training had ended, but which
        the study was not told, is trained again.
        """
        with self.store.claiming():
            ended = self.store.give_back(self.study, worker=worker, reason=reason)
            for trial in ended:
                if trial.user_attrs.get("outcome") in ("trained", "stopped"):  # noted, not told
                    self.study.enqueue_trial(trial.params)

    def count_done(self) -> int:
        """Trainings of the stage that ended or failed, so far: what workers do that don't only die.

        What is drawn again and again counts as nothing.
        """
        deaths = self.study.user_attrs.get("deaths", {})
        return len(deaths) + sum(
            (trial.state, trial.user_attrs.get("outcome")) in _DONE
            for trial in self.study.get_trials(deepcopy=False)
        )


_HOMES = {
    "local": "nas.search.executors.local:LocalWorkers",
    "elsewhere": "nas.search.executors.elsewhere:WorkersElsewhere",
}
"""Module and class of each kind of executor, by the name that `engine` in the settings has."""


def open_executor(study: optuna.Study, job: Job, count: int) -> Executor:
    """The executor that the settings ask for. Raises NasError for an unknown one."""
    kind = job.settings.engine if count else "elsewhere"
    if kind not in _HOMES:
        raise NasError(f"no engine {kind!r}{did_you_mean(kind, _HOMES)}", key="engine")
    module, _, name = _HOMES[kind].partition(":")
    executor: Executor = getattr(import_module(module), name)(study, job, count)
    return executor

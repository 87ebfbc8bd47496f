"""Storage of a search's studies, and of which worker holds which trial.

A search has two studies, with the same workers: its trials, and its finalists' trainings. Another
storage is a `StudyStore` of its own and a line in `_HOMES`.
"""

import secrets
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from nas.errors import NasError, did_you_mean
from nas.search.finish import FinishRequest, finish_request, forget_finish
from nas.search.objective import Direction
from nas.search.settings import SearchSettings
from nas.spec.space import SpaceSpec

HOLDER = "worker"
"""Attribute of a trial with its worker's name."""
WorkerName = int | str
"""Workers of one machine are named by process; those of several by machine and process."""


class StudyStore(ABC):
    """The studies of one search. Any number of processes have one each; making it does nothing."""

    shared = False
    """Whether workers of other machines may be at it."""

    def __init__(self, folder: Path, worker: WorkerName | None = None) -> None:
        """`folder` is the run's; `worker` names who takes trials, None where nobody does."""
        self.folder = folder
        self.worker = worker

    @property
    @abstractmethod
    def place(self) -> str:
        """What errors name as the place of the trials."""

    @abstractmethod
    def begun(self) -> bool:
        """Whether the search's study is there."""

    @abstractmethod
    def search(
        self, directions: Sequence[Direction], sampler: optuna.samplers.BaseSampler | None = None
    ) -> optuna.Study:
        """The search's study, begun if there is none. Raises NasError where it can't be read."""

    @abstractmethod
    def finals_begun(self) -> bool:
        """Whether the study of the finalists' trainings is there."""

    @abstractmethod
    def finals(self) -> optuna.Study:
        """That study, of MACs that fall and a metric that rises, begun if there is none."""

    @abstractmethod
    def claiming(self) -> AbstractContextManager[object]:
        """Held by one worker at a time: who claims next sees what was claimed before.

        It ends with its holder, however that ends. A storage without such a lock holds nothing,
        and has `stake` instead.
        """

    def stake(self, study: optuna.Study, trial: int, key: str) -> frozenset[int] | None:
        """Claim `key`, of a network, for a running trial; the trials that claimed before it.

        They are of this study, and claimed any key. None where `claiming` keeps others out anyway.
        """
        return None

    @abstractmethod
    def alive(self) -> AbstractContextManager[object]:
        """Held by a worker as long as it lives, with others."""

    @abstractmethod
    def alone(self) -> AbstractContextManager[object]:
        """Waits until no worker is alive; none begins while it is held."""

    def take(self, study: optuna.Study) -> optuna.Trial:
        """The next trial of a study, in this worker's name. To be called while `claiming`."""
        trial = study.ask()
        if self.worker is not None:
            trial.set_user_attr(HOLDER, self.worker)
        return trial

    def overseeing(self, deadline: float | None) -> AbstractContextManager[object]:
        """Held by who began the search or goes on with it, until its `deadline`."""
        return nullcontext()

    def deadline(self, own: float | None) -> float | None:
        """Time of `time.monotonic()` after which no network is begun; `own` is the process's."""
        return own

    def others_run(self, study: optuna.Study) -> bool:
        """Whether a worker with nothing to do should wait: what another one holds may come back."""
        return False

    def publish(self, space: SpaceSpec, settings: SearchSettings) -> None:  # noqa: B027
        """Leave what a worker must know that has no folder of the search, where there are such."""

    def finishing(self) -> FinishRequest | None:
        """What was asked of the search; None where nothing was."""
        return finish_request(self.folder)

    def pass_on(self, request: FinishRequest) -> None:  # noqa: B027
        """Tell of a request to finish those who don't see this folder."""

    def forget_finish(self) -> None:
        """Take back what was asked before."""
        forget_finish(self.folder)

    def recover(self, study: optuna.Study) -> list[FrozenTrial]:
        """End the trials that a search before left running, and return them.

        To be called when no worker of this search's own is alive.
        """
        return self.give_back(study)

    def hand_over(self, study: optuna.Study) -> None:  # noqa: B027
        """Return what this store's worker holds, as it leaves or was ended, where others go on."""

    def give_back(
        self, study: optuna.Study, *, worker: WorkerName | None = None, reason: str | None = None
    ) -> list[FrozenTrial]:
        """End the running trials and return them; of a dead `worker` only those that it held.

        With a `reason`, those that were in training have failed for it; others count as never
        begun. To be called while `claiming`, or when no worker is alive.
        """
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        ended = [
            item
            for item in running
            if worker is None or item.user_attrs.get(HOLDER, worker) == worker
        ]
        if reason is not None:
            known = [item.number for item in ended if was_training(item)]
            deaths = dict(study.user_attrs.get("deaths", {}))
            study.set_user_attr("deaths", deaths | {str(number): reason for number in known})
        for trial in ended:
            study.tell(trial.number, state=TrialState.FAIL)
        return ended


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


def was_training(trial: FrozenTrial) -> bool:
    """Whether a running trial has its network, and no outcome."""
    attributes = trial.user_attrs
    return "architecture_hash" in attributes and "outcome" not in attributes


def begin_or_load(
    storage: BaseStorage,
    name: str,
    directions: Sequence[Direction],
    sampler: optuna.samplers.BaseSampler | None = None,
) -> optuna.Study:
    """The study of that name in one of Optuna's storages, begun if there is none."""
    if any(item.study_name == name for item in storage.get_all_studies()):  # nothing is written
        return optuna.load_study(study_name=name, storage=storage, sampler=sampler)
    return optuna.create_study(
        study_name=name,
        storage=storage,
        sampler=sampler,
        directions=list(directions),
        load_if_exists=True,
    )


_HOMES = {"journal": "nas.search.journal:JournalStore"}
"""Module and class of each kind of store, by the name that `storage` in the settings has."""


def open_store(
    kind: str, folder: Path, worker: WorkerName | None = None, study: str | None = None
) -> StudyStore:
    """The store of that kind of a run's folder, or the named study at an address.

    Raises NasError for an unknown kind, or an address without a study.
    """
    if "://" in kind:
        from nas.search.server import ServerStore

        if study is None:
            raise NasError("a study on a server has a name", key="study")
        return ServerStore(folder, worker, address=kind, study=study)
    if kind not in _HOMES:
        raise NasError(f"no storage {kind!r}{did_you_mean(kind, _HOMES)}", key="storage")
    module, _, name = _HOMES[kind].partition(":")
    store: StudyStore = getattr(import_module(module), name)(folder, worker)
    return store

"""Storage of a search's studies, and of which worker holds which trial.

A search has two studies, with the same workers: its trials, and its finalists' trainings. Another
storage is a `StudyStore` of its own and a line in `_HOMES`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from nas.errors import NasError, did_you_mean
from nas.search.objective import Direction

_HOLDER = "pid"
"""Attribute of a trial with its worker's name: workers of one machine are named by process."""


class StudyStore(ABC):
    """The studies of one search. Any number of processes have one each; making it does nothing."""

    def __init__(self, folder: Path, worker: int | None = None) -> None:
        """`folder` is the run's; `worker` names who takes trials, None where nobody does."""
        self.folder = folder
        self.worker = worker

    @property
    @abstractmethod
    def place(self) -> Path:
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

        It ends with its holder, however that ends.
        """

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
            trial.set_user_attr(_HOLDER, self.worker)
        return trial

    def give_back(
        self, study: optuna.Study, *, worker: int | None = None, reason: str | None = None
    ) -> list[FrozenTrial]:
        """End the running trials and return them; of a dead `worker` only those that it held.

        With a `reason`, those that were in training have failed for it; others count as never
        begun. To be called while `claiming`, or when no worker is alive.
        """
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        ended = [
            item
            for item in running
            if worker is None or item.user_attrs.get(_HOLDER, worker) == worker
        ]
        if reason is not None:
            known = [item.number for item in ended if _was_training(item)]
            deaths = dict(study.user_attrs.get("deaths", {}))
            study.set_user_attr("deaths", deaths | {str(number): reason for number in known})
        for trial in ended:
            study.tell(trial.number, state=TrialState.FAIL)
        return ended


def _was_training(trial: FrozenTrial) -> bool:
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


def open_store(kind: str, folder: Path, worker: int | None = None) -> StudyStore:
    """The store of that kind of a run's folder. Raises NasError for an unknown kind."""
    if kind not in _HOMES:
        raise NasError(f"no storage {kind!r}{did_you_mean(kind, _HOMES)}", key="storage")
    module, _, name = _HOMES[kind].partition(":")
    store: StudyStore = getattr(import_module(module), name)(folder, worker)
    return store

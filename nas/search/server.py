"""A search's studies on a server, which workers of any number of machines share.

Nothing is locked: who may train a network is decided by the order of claims, each of which the
server adds in one step. So it holds through a proxy too, and nobody's death leaves a lock behind.
"""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.errors import NasError, did_you_mean
from nas.search.address import connect
from nas.search.finish import FinishRequest, finish_request
from nas.search.objective import Direction
from nas.search.pulse import Pulse
from nas.search.settings import SearchSettings
from nas.search.store import HOLDER, StudyStore, WorkerName, was_training, worker_name
from nas.spec.space import SpaceSpec

GRACE_S = 60.0
"""Seconds of silence after which a worker counts as dead, unless the search says another."""
MAX_LOST = 3
"""Workers that may fall silent over one network, before it counts as failed."""
SEARCHER = "searcher"
"""Key of the signs of life of who began the search, or goes on with it."""
_SPACE, _SETTINGS, _FINISH, _GRACE = "space_yaml", "settings", "finish", "silent_s"


class ServerStore(StudyStore):
    """Three studies at an address: trials, finalists, and claims with signs of life."""

    shared = True

    def __init__(
        self, folder: Path, worker: WorkerName | None = None, *, address: str, study: str
    ) -> None:
        super().__init__(folder, worker)
        self.address = address
        self.name = study
        self._deadline: float | None = None
        self._known: dict[str, optuna.Study] = {}
        self._signs: Any = None
        """What the searcher said last."""

    @cached_property
    def storage(self) -> BaseStorage:
        """Connected when it is first asked for. Raises NasError where it can't be reached."""
        return connect(self.address)

    @property
    def place(self) -> str:
        return f"the study {self.name} in {self.address}"

    def _study(
        self,
        name: str,
        directions: Sequence[Direction],
        sampler: optuna.samplers.BaseSampler | None = None,
    ) -> optuna.Study:
        found = self._found(name)
        if found is not None:
            if sampler is not None:
                found.sampler = sampler
            return found
        self._known[name] = optuna.create_study(
            study_name=name,
            storage=self.storage,
            sampler=sampler,
            directions=list(directions),
            load_if_exists=True,
        )
        return self._known[name]

    def _found(self, name: str) -> optuna.Study | None:
        if name not in self._known:
            try:
                study = optuna.load_study(study_name=name, storage=self.storage)
            except KeyError:
                return None
            self._known[name] = study
        return self._known[name]

    def names(self) -> list[str]:
        """Names of the searches in the storage."""
        studies = self.storage.get_all_studies()
        return [item.study_name for item in studies if _SPACE in item.user_attrs]

    def begun(self) -> bool:
        return self._found(self.name) is not None

    def search(
        self, directions: Sequence[Direction], sampler: optuna.samplers.BaseSampler | None = None
    ) -> optuna.Study:
        return self._study(self.name, directions, sampler)

    def finals_begun(self) -> bool:
        return self._found(self._finals_name) is not None

    def finals(self) -> optuna.Study:
        return self._study(self._finals_name, ("minimize", "maximize"))

    @property
    def _finals_name(self) -> str:
        return f"{self.name}/finalists"

    @cached_property
    def _claims(self) -> optuna.Study:
        return self._study(f"{self.name}/claims", ("minimize",))

    def claiming(self) -> AbstractContextManager[None]:
        return nullcontext()

    def stake(self, study: optuna.Study, trial: int, key: str) -> frozenset[int]:
        attributes = {"study": study.study_name, "trial": trial, "key": key}
        claim = create_trial(state=TrialState.FAIL, user_attrs=attributes)
        board = self.storage.get_study_id_from_name(self._claims.study_name)
        mine = self.storage.create_new_trial(board, template_trial=claim)
        earlier: set[int] = set()
        for item in self.storage.get_all_trials(board, deepcopy=False):
            if item._trial_id == mine:
                break
            if item.user_attrs["study"] == study.study_name:
                earlier.add(item.user_attrs["trial"])
        return frozenset(earlier - {trial})

    def alive(self) -> AbstractContextManager[object]:
        name = self.worker if self.worker is not None else worker_name()
        return Pulse(
            name,
            self._claims,
            self._studies,
            grace_s=self._grace_s,
            give_back=self.return_lost,
            heed=self._heed,
        )

    @contextmanager
    def overseeing(self, deadline: float | None) -> Iterator[None]:
        def tell() -> dict[str, Any]:
            asked = finish_request(self.folder)
            if asked is not None:
                self.pass_on(asked)
            left = None if deadline is None else round(deadline - time.monotonic(), 1)
            return {"left_s": left, "session": session}

        session = secrets.token_hex(4)
        with Pulse(
            SEARCHER,
            self._claims,
            self._studies,
            grace_s=self._grace_s,
            give_back=self.return_lost,
            tell=tell,
        ):
            yield

    def alone(self) -> AbstractContextManager[None]:
        return nullcontext()

    @property
    def _grace_s(self) -> float:
        study = self._found(self.name)
        return GRACE_S if study is None else float(study.user_attrs.get(_GRACE, GRACE_S))

    def _studies(self) -> list[optuna.Study]:
        found = (self._found(self.name), self._found(self._finals_name))
        return [item for item in found if item is not None]

    def _heed(self, signs: Mapping[str, Any]) -> None:
        """Follow the searcher's limit of time; while it is away, the one that it told last."""
        sign = signs.get(SEARCHER)
        if sign is None or sign == self._signs:
            return
        self._signs = sign
        left = sign["left_s"]
        self._deadline = None if left is None else time.monotonic() + left

    def deadline(self, own: float | None) -> float | None:
        return self._deadline if own is None else own

    def others_run(self, study: optuna.Study) -> bool:
        return bool(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def recover(self, study: optuna.Study) -> list[FrozenTrial]:
        """None: each is returned once its worker was silent for long."""
        return []

    def give_back(
        self, study: optuna.Study, *, worker: WorkerName | None = None, reason: str | None = None
    ) -> list[FrozenTrial]:
        try:
            return super().give_back(study, worker=worker, reason=reason)
        except (UpdateFinishedTrialError, ValueError):  # another one gave it back meanwhile
            return []

    def return_lost(self, study: optuna.Study, trial: FrozenTrial, *, left: bool = False) -> None:
        """End a running trial whose worker is gone; its network comes again, in another trial.

        One that `left` of its own will tells nothing of the network.
        """
        number, holder = trial._trial_id, trial.user_attrs.get(HOLDER, "a worker")
        network = _network_of(trial)
        lost = sum(
            "lost" in item.user_attrs and _network_of(item) == network
            for item in study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        )
        failed = not left and was_training(trial) and lost + 1 >= MAX_LOST
        try:
            if not left:
                self.storage.set_trial_user_attr(number, "lost", f"{holder} fell silent")
            if failed:
                why = f"{MAX_LOST} workers fell silent over it, the last was {holder}"
                self.storage.set_trial_user_attr(number, "reason", why)
                self.storage.set_trial_user_attr(number, "outcome", "failed")
            self.storage.set_trial_state_values(number, TrialState.FAIL)
        except UpdateFinishedTrialError:  # its worker told the study after all, or another observer
            return
        told = trial.user_attrs.get("outcome") not in (None, "trained", "stopped")
        again = "architecture_hash" in trial.user_attrs and not told
        if again and not failed and study.study_name == self.name:
            study.enqueue_trial(trial.params)

    def hand_over(self, study: optuna.Study) -> None:
        """Return what this store's worker holds: it leaves."""
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.user_attrs.get(HOLDER) == self.worker:
                self.return_lost(study, trial, left=True)

    def publish(self, space: SpaceSpec, settings: SearchSettings) -> None:
        study = self._found(self.name)
        assert study is not None
        study.set_user_attr(_SPACE, space.document.text)
        study.set_user_attr(_SETTINGS, settings.model_dump(mode="json", exclude={"command"}))
        study.set_user_attr(_GRACE, settings.silent_s)
        _ = self._claims, self.finals()  # once, before workers come

    def published(self) -> tuple[str, dict[str, Any], optuna.Study]:
        """Text of the space, settings as written, and the study. Raises NasError for no search."""
        study = self._found(self.name)
        attributes = {} if study is None else study.user_attrs
        if study is None or _SETTINGS not in attributes:
            known = did_you_mean(self.name, self.names())
            problem = f"no search {self.name!r} in {self.address}{known}"
            raise NasError(problem, key="--study-name")
        return attributes[_SPACE], attributes[_SETTINGS], study

    def finishing(self) -> FinishRequest | None:
        study = self._found(self.name)
        asked = None if study is None else study.user_attrs.get(_FINISH)
        own = finish_request(self.folder)
        return own if asked is None else FinishRequest.model_validate(asked)

    def pass_on(self, request: FinishRequest) -> None:
        self.search(("minimize", "maximize")).set_user_attr(_FINISH, request.model_dump())

    def forget_finish(self) -> None:
        super().forget_finish()
        study = self._found(self.name)
        if study is not None and study.user_attrs.get(_FINISH) is not None:
            study.set_user_attr(_FINISH, None)


def _network_of(trial: FrozenTrial) -> tuple[Any, Any]:
    return trial.user_attrs.get("architecture_hash"), trial.user_attrs.get("seed")

"""A search on a storage of another kind: nothing outside the store knows where trials are."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock

import optuna
import pytest
from optuna.storages import InMemoryStorage

from nas.runs.records import TrialRecord
from nas.search import store as store_module
from nas.search.objective import Direction
from nas.search.run import resume_search, run_search
from nas.search.store import StudyStore, begin_or_load
from nas.search.trials import records_of
from nas.spec.space import parse_space

from .conftest import SPACE, settings_for, trials_of

BY_MACS: tuple[Direction, Direction] = ("minimize", "maximize")


STORAGES: dict[str, InMemoryStorage] = {}
CLAIM, LIFE = Lock(), Lock()
USED: list[str] = []


class MemoryStore(StudyStore):
    """Studies in this process's memory, by the run's folder; notes which locks are asked for."""

    def _study(
        self,
        part: str,
        directions: Sequence[Direction],
        sampler: optuna.samplers.BaseSampler | None = None,
    ) -> optuna.Study:
        storage = STORAGES.setdefault(f"{self.folder}-{part}", InMemoryStorage())
        return begin_or_load(storage, part, directions, sampler)

    @property
    def place(self) -> str:
        return "memory"

    def begun(self) -> bool:
        return f"{self.folder}-search" in STORAGES

    def search(
        self, directions: Sequence[Direction], sampler: optuna.samplers.BaseSampler | None = None
    ) -> optuna.Study:
        return self._study("search", directions, sampler)

    def finals_begun(self) -> bool:
        return f"{self.folder}-finals" in STORAGES

    def finals(self) -> optuna.Study:
        return self._study("finals", BY_MACS)

    def claiming(self) -> AbstractContextManager[object]:
        USED.append("claiming")
        return CLAIM

    def alive(self) -> AbstractContextManager[object]:
        USED.append("alive")
        return LIFE

    def alone(self) -> AbstractContextManager[object]:
        USED.append("alone")
        return LIFE


@pytest.mark.usefixtures("workers_here")
def test_a_search_needs_no_journal(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(store_module._HOMES, "memory", f"{__name__}:MemoryStore")
    settings = settings_for(pictures, trials=3, finalists=1, final_seeds=2)
    settings = settings.model_copy(update={"storage": "memory"})
    run = tmp_path / "run"
    result = run_search(parse_space(SPACE), settings, out=run, say=lambda text: None)
    assert not list(run.glob("*.log"))
    assert not (run / ".claims").exists()
    assert len(result.verdict.certainty.finals) == 2
    assert {"claiming", "alone"} <= set(USED)
    before = trials_of(run)
    more = settings.search.model_copy(update={"trials": 5})
    again = resume_search(
        run, say=lambda text: None, change=lambda old: old.model_copy(update={"search": more})
    )
    assert trials_of(run)[: len(before)] == before
    stored = records_of(MemoryStore(run).search(BY_MACS))
    assert [item.metric for item in stored] == [item.metric for item in again.records]
    assert sum(is_trained(item) for item in stored) == 5


def is_trained(record: TrialRecord) -> bool:
    return record.state == "trained"

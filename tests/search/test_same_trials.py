"""Same seed, one worker: the same trials with the same values, also across an interruption."""

from pathlib import Path
from typing import Any

import pytest

from nas.search import trainer as trainer_module
from nas.search.candidates import Proposer
from nas.search.run import SearchInterrupted, resume_search
from nas.spec.domain import Choice

from .conftest import begin, trials_of

pytestmark = pytest.mark.usefixtures("workers_here")
TRIALS = 7


def told(run: Path) -> list[tuple[Any, ...]]:
    """What the table says of each trial but its number, in their order."""
    return [
        (item.state, item.architecture_hash, item.metric, item.predicted, item.epochs)
        for item in trials_of(run)
    ]


def search(run: Path, pictures: Path, sampler: str) -> None:
    begin(run, pictures, trials=TRIALS, sampler=sampler, finalists=0, max_macs=40_000)


def interrupt(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: int) -> None:
    """Ctrl-C in that call of a function."""
    function, calls = getattr(owner, name), []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == when:
            raise KeyboardInterrupt
        return function(*arguments, **options)

    monkeypatch.setattr(owner, name, interrupted)


PLACES = {
    "in training": (trainer_module, "fit", 6),
    "before it draws": (Proposer, "_consider", 6),
    "while it draws": (Choice, "sample", 30),
}


@pytest.mark.parametrize(
    "sampler",
    ["known_cost", *(pytest.param(name, marks=pytest.mark.slow) for name in ("tpe", "nsga2"))],
)
def test_the_same_trials_also_across_an_interruption(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    search(tmp_path / "whole", pictures, sampler)
    whole = told(tmp_path / "whole")
    assert [row[0] for row in whole].count("trained") + [row[0] for row in whole].count(
        "stopped"
    ) == TRIALS
    search(tmp_path / "again", pictures, sampler)
    assert told(tmp_path / "again") == whole
    for name, place in PLACES.items():
        run = tmp_path / name
        with monkeypatch.context() as patch:
            interrupt(patch, *place)
            with pytest.raises(SearchInterrupted):
                search(run, pictures, sampler)
        assert len(told(run)) < len(whole)
        resume_search(run, say=lambda text: None)
        assert told(run) == whole, name


def test_another_seed_draws_others(tmp_path: Path, pictures: Path) -> None:
    for seed in (0, 1):
        begin(tmp_path / str(seed), pictures, trials=2, sampler="known_cost", seed=seed)
    assert told(tmp_path / "0") != told(tmp_path / "1")

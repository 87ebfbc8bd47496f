"""A training that fails is written down, and the search goes on; unless all of them fail."""

from pathlib import Path
from typing import Any

import pytest
import torch

from nas.errors import NasError
from nas.runs.records import TrialRecord
from nas.search import trainer as trainer_module
from nas.search.journal import open_study
from nas.search.run import resume_search, run_search
from nas.search.trials import records_of
from nas.search.watch import MAX_FAILURES
from nas.spec.space import SpaceSpec
from nas.train.device import TrainingFailed, memory_watched
from tests.runs.trials_csv import read_trials_csv

from .conftest import METRIC, settings_for

pytestmark = pytest.mark.usefixtures("workers_here")


def nan_weights(network: torch.nn.Module) -> None:
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))


def huge_allocation(network: torch.nn.Module) -> None:
    with memory_watched("in epoch 1"):
        torch.empty(2**60)


def arbitrary(network: torch.nn.Module) -> None:
    raise ZeroDivisionError("a fault of ours\nin two lines")


def search_with_fault(
    folder: Path, data: Path, space: SpaceSpec, fault: Any, numbers: set[int], trials: int = 3
) -> tuple[TrialRecord, ...]:
    fit, calls = trainer_module.fit, []

    def faulty(network: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) in numbers:
            fault(network)
        return fit(network, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_module, "fit", faulty)
        run_search(space, settings_for(data, trials=trials), out=folder, say=lambda text: None)
    return read_trials_csv(folder / "trials.csv", METRIC)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (nan_weights, "loss is not finite at epoch 1, batch 1"),
        (huge_allocation, "out of memory in epoch 1"),
        (arbitrary, "ZeroDivisionError: a fault of ours"),
    ],
)
def test_failure_is_recorded_and_the_search_goes_on(
    tmp_path: Path, pictures: Path, space: SpaceSpec, fault: Any, reason: str
) -> None:
    records = search_with_fault(tmp_path / "run", pictures, space, fault, {2})
    spent = [item for item in records if item.state in ("trained", "failed")]
    assert [item.state for item in spent] == ["trained", "failed", "trained"]
    assert (spent[1].reason or "").startswith(reason)
    assert spent[1].macs is not None
    assert spent[1].seconds is not None
    assert reason in (tmp_path / "run" / "log.txt").read_text()


@pytest.mark.slow
def test_only_unforeseen_faults_are_traced(
    tmp_path: Path, pictures: Path, space: SpaceSpec
) -> None:
    search_with_fault(tmp_path / "a", pictures, space, arbitrary, {1}, 2)
    assert "Traceback" in (tmp_path / "a" / "log.txt").read_text()
    search_with_fault(tmp_path / "b", pictures, space, nan_weights, {1}, 2)
    assert "Traceback" not in (tmp_path / "b" / "log.txt").read_text()


def failing(network: Any) -> None:
    raise TrainingFailed("the disk of the data is gone")


def test_search_in_which_everything_fails_stops(
    tmp_path: Path, pictures: Path, space: SpaceSpec
) -> None:
    every = set(range(1, 100))
    with pytest.raises(NasError, match=f"first {MAX_FAILURES} .*the disk of the data is gone"):
        search_with_fault(tmp_path / "run", pictures, space, failing, every, 50)
    states = [item.state for item in read_trials_csv(tmp_path / "run" / "trials.csv", METRIC)]
    assert states.count("failed") == MAX_FAILURES
    # Mended, it goes on: failures of before don't stop it.
    resume_search(
        tmp_path / "run",
        say=lambda text: None,
        change=lambda old: old.model_copy(
            update={"search": old.search.model_copy(update={"trials": MAX_FAILURES + 1})}
        ),
    )
    states = [item.state for item in read_trials_csv(tmp_path / "run" / "trials.csv", METRIC)]
    assert states.count("trained") == 1


def test_failures_after_a_success_do_not_stop_it(
    tmp_path: Path, pictures: Path, space: SpaceSpec
) -> None:
    numbers = set(range(2, MAX_FAILURES + 3))
    records = search_with_fault(
        tmp_path / "run", pictures, space, failing, numbers, MAX_FAILURES + 3
    )
    assert sum(item.state == "failed" for item in records) == MAX_FAILURES + 1


def test_few_failures_and_nothing_else(tmp_path: Path, pictures: Path, space: SpaceSpec) -> None:
    with pytest.raises(NasError, match="the disk of the data is gone"):
        search_with_fault(tmp_path / "run", pictures, space, failing, {1, 2}, 2)
    study = open_study(tmp_path / "run" / "study.log")
    assert [item.state for item in records_of(study) if item.state != "duplicate"] == ["failed"] * 2

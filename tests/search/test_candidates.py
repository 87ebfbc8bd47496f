"""No network twice, none over budget, and an end when nothing is left."""

import multiprocessing
import time
from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from nas.runs.records import TrialRecord
from nas.search.candidates import Exhausted, Limits, NothingLeft, Proposal, Proposer, price
from nas.search.journal import JournalStore, open_study
from nas.search.pricing import PricedSpace
from nas.search.samplers import Draws
from nas.search.trials import StudyRecords, note_outcome, records_of
from nas.spec.budget import BudgetSpec
from nas.spec.search import SamplerName
from nas.spec.space import SpaceSpec, parse_space
from nas.spec.trial import RandomTrial

from .conftest import FEW, SPACE

FREE = BudgetSpec()


def proposer_for(
    folder: Path, text: str, limits: Limits, seed: int = 0, sampler: SamplerName = "random"
) -> Proposer:
    space = PricedSpace(parse_space(text), limits.budget)
    study = open_study(folder / "study.log")
    return Proposer(study, Draws(sampler, seed, space), limits, JournalStore(folder))


def finish(proposer: Proposer, proposal: Proposal, metric: float = 0.5) -> None:
    note_outcome(proposal.trial, "trained", history=[metric])
    proposer.study.tell(proposal.trial, [proposal.candidate.macs, metric])


def train_until_end(proposer: Proposer) -> tuple[list[str], NothingLeft]:
    hashes = []
    while True:
        try:
            proposal = proposer.propose()
        except NothingLeft as end:
            return hashes, end
        hashes.append(proposal.candidate.architecture_hash)
        finish(proposer, proposal)


def test_small_space_is_exhausted_once_each(tmp_path: Path) -> None:
    hashes, end = train_until_end(proposer_for(tmp_path, FEW, Limits(FREE, 100)))
    assert isinstance(end, Exhausted)
    assert "exhausted" in str(end)
    assert len(hashes) == len(set(hashes)) == 6


def test_repeats_get_the_earlier_value(tmp_path: Path) -> None:
    proposer = proposer_for(tmp_path, FEW, Limits(FREE, 100))
    train_until_end(proposer)
    records = records_of(proposer.study)
    repeats = [item for item in records if item.state == "duplicate"]
    assert repeats
    first = {item.architecture_hash: item for item in reversed(records)}
    for item in repeats:
        assert item.metric == first[item.architecture_hash].metric
        assert item.reason == f"repeats trial {first[item.architecture_hash].number}"


def test_repeat_of_one_in_training_has_no_value(tmp_path: Path) -> None:
    proposer = proposer_for(tmp_path, FEW, Limits(FREE, 100))
    proposals = [proposer.propose() for _ in range(5)]
    assert len({item.candidate.architecture_hash for item in proposals}) == 5
    repeats = [item for item in records_of(proposer.study) if item.state == "duplicate"]
    assert repeats
    assert all(item.metric is None for item in repeats)
    assert all("which is in training" in (item.reason or "") for item in repeats)


def test_failed_network_is_not_tried_again(tmp_path: Path) -> None:
    proposer = proposer_for(tmp_path, FEW, Limits(FREE, 100))
    failed = proposer.propose()
    note_outcome(failed.trial, "failed", reason="NaN")
    proposer.study.tell(failed.trial, state=TrialState.FAIL)
    hashes, _ = train_until_end(proposer)
    assert failed.candidate.architecture_hash not in hashes
    assert len(hashes) == 5


def test_as_many_run_as_there_are_trainings_left(tmp_path: Path) -> None:
    proposer = proposer_for(tmp_path, SPACE, Limits(FREE, 3))
    first, second, third = (proposer.propose() for _ in range(3))
    with pytest.raises(NothingLeft):
        proposer.propose()
    finish(proposer, first)
    with pytest.raises(NothingLeft):
        proposer.propose()
    proposer.study.tell(second.trial, state=TrialState.FAIL)  # interrupted: never counted
    finish(proposer, proposer.propose())
    finish(proposer, third)
    with pytest.raises(NothingLeft) as end:
        proposer.propose()
    assert not isinstance(end.value, Exhausted)


def test_nothing_is_drawn_after_the_deadline(tmp_path: Path) -> None:
    proposer = proposer_for(tmp_path, SPACE, Limits(FREE, 3, deadline=time.monotonic()))
    with pytest.raises(NothingLeft, match="time"):
        proposer.propose()
    assert proposer.study.get_trials() == []


def costs(text: str) -> list[int]:
    space, generator = parse_space(text), np.random.default_rng(1)
    return sorted({price(space.sample(RandomTrial(generator))).macs for _ in range(60)})


def test_over_budget_is_complete_with_a_constraint(tmp_path: Path) -> None:
    cheap = costs(FEW)[1]
    proposer = proposer_for(tmp_path, FEW, Limits(BudgetSpec(max_macs=cheap), 100))
    hashes, _ = train_until_end(proposer)
    assert len(hashes) == 2
    trials = proposer.study.get_trials()
    assert not [item for item in trials if item.state == TrialState.PRUNED]
    over = [item for item in trials if item.user_attrs["outcome"] == "over_budget"]
    assert over
    for item in over:
        assert item.state == TrialState.COMPLETE
        assert item.constraints["budget"] == pytest.approx(item.user_attrs["macs"] / cheap - 1)
        assert item.constraints["budget"] > 0
    assert all(item.user_attrs["macs"] <= cheap for item in proposer.study.best_trials)


def test_budget_that_nothing_fits_names_the_smallest(tmp_path: Path) -> None:
    smallest = costs(FEW)[0]
    proposer = proposer_for(tmp_path, FEW, Limits(BudgetSpec(max_macs=10), 100))
    with pytest.raises(Exhausted, match=f"smallest has {smallest:,} MACs"):
        proposer.propose()


def work_alone(folder: str, number: int, sampler: SamplerName) -> None:
    """Train as one of several processes of one seed."""
    read, generator = StudyRecords.read, np.random.default_rng(number)

    def read_slowly(records: StudyRecords) -> tuple[TrialRecord, ...]:
        seen = read(records)
        time.sleep(generator.random() / 100)  # others step in between
        return seen

    StudyRecords.read = read_slowly  # in this process only
    hashes, _ = train_until_end(
        proposer_for(Path(folder), SPACE, Limits(FREE, 20), seed=0, sampler=sampler)
    )
    Path(folder, f"hashes-{number}").write_text("\n".join(hashes))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("sampler", ["random", "known_cost"])
def test_many_processes_never_share_a_network(tmp_path: Path, sampler: SamplerName) -> None:
    context = multiprocessing.get_context("fork")  # needs no second to import PyTorch
    open_study(tmp_path / "study.log")
    processes = [
        context.Process(target=work_alone, args=(str(tmp_path), n, sampler)) for n in range(6)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 6
    trained = [name for file in tmp_path.glob("hashes-*") for name in file.read_text().split()]
    assert max(Counter(trained).values()) == 1
    assert len(trained) == 20
    states = Counter(item.state for item in records_of(open_study(tmp_path / "study.log")))
    assert states["trained"] == 20
    assert states["running"] == states["failed"] == 0
    assert sampler == "random" or states["duplicate"] == 0


TRAININGS = {"known_cost": 10, "nsga2": 26, "nsga3": 26, "gp": 12, "tpe": 16, "random": 5}
"""Enough to get beyond the random beginning of each."""


@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_same_seed_same_candidates(tmp_path: Path, sampler: SamplerName) -> None:
    count = TRAININGS[sampler]

    def draw(name: str, seed: int) -> list[str]:
        (tmp_path / name).mkdir()
        proposer = proposer_for(tmp_path / name, SPACE, Limits(FREE, count), seed, sampler)
        hashes = []
        for number in range(count):
            proposal = proposer.propose()
            hashes.append(proposal.candidate.architecture_hash)
            finish(proposer, proposal, number / 26)
        return hashes

    first = draw("a", 3)
    assert draw("b", 3) == first
    assert draw("c", 4) != first


def test_known_cost_draws_nothing_over_budget_and_nothing_twice(tmp_path: Path) -> None:
    budget = BudgetSpec(max_macs=costs(SPACE)[12])
    proposer = proposer_for(tmp_path, SPACE, Limits(budget, 24), sampler="known_cost")
    running: list[Proposal] = []
    for number in range(24):
        running.append(proposer.propose())
        if len(running) == 4:  # as many as workers would train at a time
            finish(proposer, running.pop(0), number / 24)
    records = records_of(proposer.study)
    assert len(records) == len({item.architecture_hash for item in records}) == 24
    assert {item.state for item in records} == {"trained", "running"}
    assert all((item.macs or 0) <= (budget.max_macs or 0) for item in records)


def test_known_cost_finds_every_network_and_ends(tmp_path: Path) -> None:
    hashes, end = train_until_end(
        proposer_for(tmp_path, FEW, Limits(FREE, 100), sampler="known_cost")
    )
    assert isinstance(end, Exhausted)
    assert len(hashes) == len(set(hashes)) == 6


@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_a_queued_trial_comes_first(tmp_path: Path, sampler: SamplerName) -> None:
    proposer = proposer_for(tmp_path, SPACE, Limits(FREE, 9), sampler=sampler)
    finish(proposer, proposer.propose())
    params = {"stem.out": 64, "stem.kernel.position": 0, "body.out.position": 2, "body.repeat": 2}
    proposer.study.enqueue_trial(params)
    assert proposer.propose().trial.params == params


def test_candidate_is_what_optuna_has(tmp_path: Path, space: SpaceSpec) -> None:
    proposer = proposer_for(tmp_path, SPACE, Limits(FREE, 2))
    proposal = proposer.propose()
    fixed = optuna.trial.FixedTrial(proposal.trial.params, number=proposal.trial.number)
    assert price(space.sample(fixed)) == proposal.candidate

"""Candidates: the study's next networks that are new and within the budget."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import optuna
from optuna.trial import TrialState

from nas.macs.architecture import count_architecture
from nas.model.identity import architecture_hash
from nas.runs.costs import MACS, PARAMETERS
from nas.runs.records import TrialRecord
from nas.search.finalists import FinalShare
from nas.search.objective import Objective
from nas.search.samplers import Draws
from nas.search.store import StudyStore
from nas.search.trials import (
    Candidate,
    StudyRecords,
    count_spent,
    note_candidate,
    note_costs,
    note_outcome,
)
from nas.spec.architecture import dump_architecture
from nas.spec.budget import BudgetSpec
from nas.spec.definition import ArchitectureSpec
from nas.spec.trial import RandomTrial

MAX_REFUSED = 15
"""Refused proposals of the sampler in a row before a candidate is drawn at random."""
MAX_RANDOM = 500
"""Random draws without success after which the space counts as exhausted."""
MAX_TAKEN = 20
"""Random candidates that other workers may claim first before this one gives up."""


class NothingLeft(Exception):
    """No further network is to be trained."""


class Exhausted(NothingLeft):
    """The space has no network left to train; the message says why in words for the user."""


def price(
    architecture: ArchitectureSpec, further: Mapping[str, float] = MappingProxyType({})
) -> Candidate:
    """The network of an architecture with its cost, which needs no weights and no training.

    `further` are costs besides MACs and parameters, by name.
    """
    report = count_architecture(architecture)
    return Candidate(
        dump_architecture(architecture),
        architecture_hash(architecture),
        report.total,
        report.parameters,
        further,
    )


@dataclass(frozen=True)
class Limits:
    """Limits on the number of trainings and on time."""

    budget: BudgetSpec
    trainings: int
    """Networks that the whole study trains."""
    deadline: float | None = None
    """Time of `time.monotonic()` after which no network is trained."""
    final_share: FinalShare | None = None
    """Seconds that are reserved for the finalists."""

    def time_is_up(self, records: Sequence[TrialRecord]) -> bool:
        """Whether only the finalists have time left."""
        if self.deadline is None:
            return False
        kept = 0.0 if self.final_share is None else self.final_share.seconds(records)
        return time.monotonic() >= self.deadline - kept


@dataclass(frozen=True)
class Proposal:
    """A running trial, and the network that it is to train."""

    trial: optuna.Trial
    architecture: ArchitectureSpec
    candidate: Candidate


class Proposer:
    """Draws candidates for one worker of a study that is kept in the store."""

    def __init__(
        self, study: optuna.Study, draws: Draws, limits: Limits, store: StudyStore
    ) -> None:
        self.study = study
        self.records = StudyRecords(study)
        self.draws = draws
        self.space = draws.space
        self.objectives = draws.space.objectives
        self.limits = limits
        self.store = store

    def propose(self) -> Proposal:
        """A trial with a new network within the budget; the journal tells what was refused.

        Raises NothingLeft when trainings or time are used up or the search is to finish, Exhausted
        when networks are used up.
        """
        for _ in range(MAX_TAKEN):
            for _ in range(MAX_REFUSED):
                with self.store.claiming():  # who draws next sees what was drawn before
                    found = self._consider(self._begin_trial())
                if found is not None:
                    return found
            self._enqueue_random()
        raise Exhausted("other workers took every new network that was found")

    def _begin_trial(self) -> optuna.Trial:
        """The sampler's next trial: as many may run as there are trainings left."""
        if self.store.finishing() is not None:
            raise NothingLeft("the search is to finish")
        records = self.records.read()
        if self.limits.time_is_up(records):
            raise NothingLeft("the time is up")
        running = sum(record.state == "running" for record in records)
        if count_spent(records) + running >= self.limits.trainings:
            raise NothingLeft("all trainings are done or under way")
        self.draws.prepare(self.study)
        return self.store.take(self.study)

    def _consider(self, trial: optuna.Trial) -> Proposal | None:
        """The trial with its network, or None if that is over budget or another trial has it."""
        architecture = self.space.space.sample(trial)
        further: dict[str, float] = {}
        if self.objectives.further:
            further = self.objectives.count(self.space.priced(trial.params))
        candidate = price(architecture, further)
        excess = self.limits.budget.excess(candidate.macs, candidate.parameters, candidate.costs)
        if excess > 0:
            note_candidate(trial, candidate, excess)
            note_outcome(trial, "over_budget")
            self.study.tell(trial, self.objectives.values(candidate.costs, 0.0))
            return None
        note_candidate(trial, candidate, excess)
        holders = self._holders(trial.number, candidate.architecture_hash)
        same = [item for item in holders if item.architecture_hash == candidate.architecture_hash]
        if same:
            self._repeat(trial, candidate, same[0])
            return None
        if len(holders) >= self.limits.trainings:  # others claimed the last ones meanwhile
            self.study.tell(trial, state=TrialState.FAIL)
            raise NothingLeft("all trainings are done or under way")
        return Proposal(trial, architecture, candidate)

    def _holders(self, number: int, hash_: str) -> list[TrialRecord]:
        """Other trials that have a network: train it, did, were stopped, or failed to.

        Where nothing keeps others out meanwhile, those alone that claimed theirs before.
        """
        before = self.store.stake(self.study, number, hash_)
        return [
            record
            for record in self.records.read()
            if record.state in ("running", "trained", "stopped", "failed")
            and record.number != number
            and record.architecture_hash is not None
            and (before is None or record.number in before)
        ]

    def _repeat(self, trial: optuna.Trial, candidate: Candidate, earlier: TrialRecord) -> None:
        """End a trial whose network another one has: with its values if they are known."""
        further = {item.name for item in self.objectives.further}
        note_costs(trial, {name: earlier.costs[name] for name in further & earlier.costs.keys()})
        if earlier.metric is not None:
            note_outcome(trial, "duplicate", reason=f"repeats trial {earlier.number}")
            self.study.tell(trial, self.objectives.values(earlier.costs, earlier.metric))
            return
        if earlier.predicted is not None:
            known = {"predicted": earlier.predicted, "predicted_sd": earlier.predicted_sd}
            note_outcome(trial, "duplicate", reason=f"repeats trial {earlier.number}", **known)
            self.study.tell(trial, self.objectives.values(earlier.costs, earlier.predicted))
            return
        how = "which is in training" if earlier.state == "running" else "which failed"
        note_outcome(trial, "duplicate", reason=f"repeats trial {earlier.number}, {how}")
        self.study.tell(trial, state=TrialState.FAIL)

    def _enqueue_random(self) -> None:
        """Put a new network within the budget in the study's queue, drawn at random."""
        records = self.records.read()
        known = {record.architecture_hash for record in records}
        refused = [dict(item.costs) for item in records if item.state == "over_budget"]
        generator = self.draws.generator(self.study)
        for _ in range(MAX_RANDOM):
            draw = RandomTrial(generator)
            priced = self.space.draw(draw)
            if priced.key in known:
                continue
            if priced.excess <= 0:
                self.study.enqueue_trial(draw.params)
                return
            bounded = self.objectives.count_bounded(priced)
            refused.append({MACS: priced.cost.macs, PARAMETERS: priced.cost.parameters, **bounded})
            known.add(priced.key)
        raise Exhausted(_why_exhausted(refused, self.objectives.bounded))


def _why_exhausted(refused: Sequence[Mapping[str, float]], bounded: Sequence[Objective]) -> str:
    text = f"{MAX_RANDOM:,} random draws gave no new network"
    if not refused:
        return f"the space is exhausted: {text}"
    least = {name: min(costs[name] for costs in refused) for name in refused[0]}
    text = (
        f"{text} within the budget; of the others the smallest has {least[MACS]:,} MACs, the one "
        f"with the fewest parameters {least[PARAMETERS]:,}"
    )
    return text + "".join(f"; the least {item.kind.head} {least[item.name]:,}" for item in bounded)

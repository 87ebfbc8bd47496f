"""From the study's next trial to a network worth training: within the budget, and new."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import TrialState

from nas.macs.count import count_macs
from nas.macs.meta import WithoutWeights
from nas.model.build import build_network
from nas.model.identity import architecture_hash
from nas.runs import TrialRecord, exclusive
from nas.search.trials import Candidate, is_repeat, note_candidate, note_outcome, records_of
from nas.spec.architecture import dump_architecture
from nas.spec.budget import BudgetSpec
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import RandomTrial, SpaceSpec

MAX_REFUSED = 15
"""Proposals of the sampler that are refused in a row before one is drawn at random."""
MAX_RANDOM = 500
"""Random draws after which the space is taken for exhausted, or its budget for too small."""
MAX_TAKEN = 20
"""Random finds that other workers may snatch before this one gives up."""


@dataclass(frozen=True)
class Exhausted:
    """Why no network is left to train."""

    reason: str


def price(architecture: ArchitectureSpec) -> Candidate:
    """The network of an architecture with its cost, which needs no weights and no training."""
    with WithoutWeights():
        network = build_network(architecture)
    report = count_macs(network, architecture.input.shape)
    return Candidate(
        dump_architecture(architecture),
        architecture_hash(architecture),
        report.total,
        report.parameters,
    )


class Proposer:
    """Draws candidates for one worker."""

    def __init__(
        self, study: optuna.Study, space: SpaceSpec, budget: BudgetSpec, seed: int, claims: Path
    ) -> None:
        """`claims` is a file whose lock the workers of one study share."""
        self.study = study
        self.claims = claims
        self.space = space
        self.budget = budget
        self.generator = np.random.default_rng(seed)

    def propose(self) -> tuple[optuna.Trial, ArchitectureSpec, Candidate] | Exhausted:
        """A running trial with a new network within the budget; the journal tells what was refused."""
        for _ in range(MAX_TAKEN):
            for _ in range(MAX_REFUSED):
                found = self._ask()
                if found is not None:
                    return found
            enqueued = self._enqueue_random()
            if enqueued is not None:
                return enqueued
        return Exhausted("other workers took every network that this one found")

    def _ask(self) -> tuple[optuna.Trial, ArchitectureSpec, Candidate] | None:
        """The sampler's next trial, or None if its network is refused."""
        trial = self.study.ask()
        architecture = self.space.sample(trial)
        candidate = price(architecture)
        excess = self.budget.excess(candidate.macs, candidate.parameters)
        if excess > 0:
            note_candidate(trial, candidate, excess)
            note_outcome(trial, "over_budget")
            self.study.tell(trial, [candidate.macs, 0.0])
            return None
        with exclusive(self.claims):  # of two workers with one network, the second sees the first
            earlier = self._holder(candidate.architecture_hash)
            note_candidate(trial, candidate, excess)
        if earlier is not None:
            self._repeat(trial, candidate, earlier)
            return None
        return trial, architecture, candidate

    def _holder(self, hash_: str) -> TrialRecord | None:
        """The trial that trains this network, has trained it, or failed to."""
        for record in records_of(self.study):
            holds = record.state in ("running", "trained", "failed") and not is_repeat(record)
            if holds and record.architecture_hash == hash_:
                return record
        return None

    def _repeat(self, trial: optuna.Trial, candidate: Candidate, earlier: TrialRecord) -> None:
        """End a trial whose network another one has: with its values if they are known."""
        if earlier.macro_f1 is not None:
            note_outcome(trial, "duplicate", reason=f"repeats trial {earlier.number}")
            self.study.tell(trial, [candidate.macs, earlier.macro_f1])
            return
        how = "which is in training" if earlier.state == "running" else "which failed"
        note_outcome(trial, "failed", reason=f"repeats trial {earlier.number}, {how}")
        self.study.tell(trial, state=TrialState.FAIL)

    def _enqueue_random(self) -> Exhausted | None:
        """Put a new network within the budget in the study's queue, drawn at random."""
        known = {record.architecture_hash for record in records_of(self.study)}
        smallest: int | None = None
        for _ in range(MAX_RANDOM):
            draw = RandomTrial(self.generator)
            architecture = self.space.sample(draw)
            if architecture_hash(architecture) in known:
                continue
            candidate = price(architecture)
            if self.budget.excess(candidate.macs, candidate.parameters) <= 0:
                self.study.enqueue_trial(draw.params)
                return None
            smallest = candidate.macs if smallest is None else min(smallest, candidate.macs)
            known.add(candidate.architecture_hash)
        if smallest is None:
            return Exhausted(f"the space is exhausted: {MAX_RANDOM} random draws gave no new network")
        return Exhausted(
            f"no new network within the budget among {MAX_RANDOM} random draws; the smallest other one "
            f"has {smallest:,} MACs"
        )

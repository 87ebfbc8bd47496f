"""Finalists: which networks are trained again with other seeds, and in which order."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nas.runs.records import Estimate, FinalRecord, TrialRecord
from nas.search.choice import choose, pareto_front
from nas.search.estimates import Posterior, estimate_all, pool_seed_noise
from nas.search.objective import BY_MACS, Objectives
from nas.search.settings import SearchSettings

DRAWS = 40
"""Posterior draws that estimate how likely each network is to be chosen."""


@dataclass(frozen=True)
class Final:
    """A training of a finalist: the trial of its network, the seed, the epochs."""

    trial: int
    seed: int
    epochs: int
    architecture_hash: str
    found_among: int
    """Networks that the search had trained when its round of finalists began."""


@dataclass(frozen=True)
class FinalPlan:
    """Settings of the finalists."""

    finalists: int
    """Networks to train again at most."""
    seeds: tuple[int, ...]
    """Seeds of each; none is the search's own."""
    epochs: int

    @classmethod
    def of(cls, settings: SearchSettings) -> "FinalPlan":
        """Of a search's settings."""
        search, training = settings.search, settings.training
        seeds = tuple(training.seed + 1 + index for index in range(search.final_seeds))
        return cls(search.finalists, seeds, search.final_epochs or training.epochs)

    def comparable(self, finals: Sequence[FinalRecord]) -> tuple[FinalRecord, ...]:
        """Those of this plan's length: a search that went on may have been given another."""
        return tuple(item for item in finals if item.epochs == self.epochs)

    @property
    def trainings(self) -> int:
        """How many trainings that is in all."""
        return self.finalists * len(self.seeds)


def posterior_front(
    records: Sequence[TrialRecord], posterior: Posterior, objectives: Objectives = BY_MACS
) -> tuple[TrialRecord, ...]:
    """The front of the trained networks by the model's posterior means, cheapest first.

    The records keep what was measured of them; a lucky measurement alone makes no member.
    """
    trained = {item.number: item for item in records if item.number in posterior.beliefs}
    expected = [
        replace(item, metric=posterior.beliefs[number][0])
        for number, item in trained.items()
        if item.state == "trained"
    ]
    return tuple(trained[item.number] for item in pareto_front(expected, objectives))


def next_final(
    records: Sequence[TrialRecord],
    posterior: Posterior,
    finals: Sequence[FinalRecord],
    settings: SearchSettings,
    *,
    objectives: Objectives,
) -> Final | None:
    """The next training: of the network that is most likely to be chosen and lacks a seed.

    Likely as things stand: trainings that are done, and those under way, are among `finals`. None
    when no more are wanted: `finalists` networks at most, and as many again only once the search
    has gone on and found another member of the front.
    """
    plan = FinalPlan.of(settings)
    if not plan.finalists:
        return None
    finals = plan.comparable(finals)
    found_among = _round(records, posterior_front(records, posterior, objectives), finals)
    begun = {item.trial for item in finals if item.found_among == found_among}
    front = _by_promise(records, posterior, finals, settings, objectives)
    for rank, item in enumerate(front):
        seeds = {final.seed for final in finals if final.trial == item.number}
        missing = [seed for seed in plan.seeds if seed not in seeds]
        new = rank < plan.finalists and len(begun) < plan.finalists
        if missing and (item.number in begun or new):
            hash_ = item.architecture_hash or ""
            return Final(item.number, missing[0], plan.epochs, hash_, found_among)
    return None


def _round(
    records: Sequence[TrialRecord], front: Sequence[TrialRecord], finals: Sequence[FinalRecord]
) -> int:
    """Networks trained as the present round of finalists began, or begins now.

    A new one begins where the front has a member that was trained since the last: a search goes on
    with its trainings in order, so that it is beyond as many as there were.
    """
    trained = sorted(item.number for item in records if item.state == "trained")
    last = max((item.found_among or 0 for item in finals), default=0)
    since = set(trained[last:])
    return len(trained) if any(item.number in since for item in front) else last


def _by_promise(
    records: Sequence[TrialRecord],
    posterior: Posterior,
    finals: Sequence[FinalRecord],
    settings: SearchSettings,
    objectives: Objectives,
) -> list[TrialRecord]:
    """The front, ordered by the number of posterior draws in which each would be chosen.

    Those that no draw chose follow by their distance in cost from the likeliest.
    """
    front = posterior_front(records, posterior, objectives)
    if not front:
        return []
    wins = _count_wins(front, posterior, finals, settings, objectives)
    centre = max(front, key=lambda item: wins[item.number])
    axis = objectives.axis.name

    def order(item: TrialRecord) -> tuple[int, float]:
        cost, middle = (abs(each.costs.get(axis) or 1) for each in (item, centre))
        return -wins[item.number], abs(math.log(cost / middle))

    return sorted(front, key=order)


def _count_wins(
    front: Sequence[TrialRecord],
    posterior: Posterior,
    finals: Sequence[FinalRecord],
    settings: SearchSettings,
    objectives: Objectives,
) -> Counter[int]:
    """Number of posterior draws in which each member would be chosen, once it was repeated."""
    noise = pool_seed_noise(finals, posterior.noise_sd)
    estimates = estimate_all(front, posterior, finals, noise)
    seeds = settings.search.final_seeds
    generator = np.random.default_rng(settings.search.seed)
    wins: Counter[int] = Counter()
    for normals in generator.standard_normal((DRAWS, len(front))):
        drawn = {
            number: _drawn(estimate, posterior.beliefs[number][1], noise.sd, seeds, normal)
            for (number, estimate), normal in zip(estimates.items(), normals, strict=True)
        }
        choice = choose(front, drawn, settings.budget, settings.score, objectives=objectives)
        if choice is not None:
            wins[choice.number] += 1
    return wins


def _drawn(
    known: Estimate, belief_sd: float, seed_sd: float, seeds: int, normal: float
) -> Estimate:
    """A posterior draw of a network's estimate after its training with all `seeds`."""
    done = len(known.seeds)
    if done >= seeds:
        return known
    error = seed_sd / math.sqrt(done) if done else belief_sd
    after = seed_sd / math.sqrt(seeds)
    mean = known.mean + math.hypot(error, after) * normal
    return replace(known, mean=mean, sd=math.hypot(after, known.validation_sd))


MAX_SHARE = 1 / 3
"""Largest share of a time limit that is reserved for the finalists."""


@dataclass(frozen=True)
class FinalShare:
    """Time that is reserved for the finalists."""

    plan: FinalPlan
    epochs: int | None
    """Epochs of the search's own trainings; None where members were measured with shared weights,
    which tells nothing of a training's time."""
    workers: int
    limit_s: float
    """The whole time limit, in seconds."""

    def seconds(self, records: Sequence[TrialRecord]) -> float:
        """As long as the finalists' trainings will take, going by those of the search.

        The last of them then begins as the time ends. At most a third of the limit: a search that
        trained next to nothing has nothing to choose from. As much where that can't be known.
        """
        if self.epochs is None:
            return MAX_SHARE * self.limit_s if self.plan.trainings else 0.0
        known = [
            item.seconds for item in records if item.state == "trained" and item.seconds is not None
        ]
        if not known:
            return 0.0
        each = sum(known) / len(known) * self.plan.epochs / self.epochs
        rounds = math.ceil(self.plan.trainings / self.workers)
        return min(rounds * each, MAX_SHARE * self.limit_s)

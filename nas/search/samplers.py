"""The samplers by the name that a space file or a flag gives them."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

from numpy.random import Generator, SeedSequence, default_rng
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.errors import NasError
from nas.search.known_cost import KnownCostSampler
from nas.search.objective import Objectives
from nas.search.pricing import PricedSpace
from nas.search.trials import noise_sd
from nas.spec.search import SamplerName

POPULATION = 20
"""Trials of a generation: a search trains tens of networks, not thousands."""

_OPTUNAS: dict[SamplerName, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True),
    "nsga2": lambda seed: NSGAIISampler(seed=seed, population_size=POPULATION),
    "nsga3": lambda seed: NSGAIIISampler(seed=seed, population_size=POPULATION),
    # It models what all members have; the parameters of a branch it draws at random.
    "gp": lambda seed: GPSampler(seed=seed, warn_independent_sampling=False),
    "random": lambda seed: RandomSampler(seed=seed),
}


def build_sampler(
    name: SamplerName,
    seed: int,
    space: PricedSpace,
    seconds: Callable[[Mapping[str, Any]], float] | None = None,
) -> BaseSampler:
    """The sampler of that name. All but `random` keep to the budget; all work in parallel.

    `known_cost` proposes no network over the budget and none twice, and weighs what a network
    promises by the `seconds` that its training takes, where they are given; Optuna's own samplers
    learn the budget as a constraint.
    """
    if name == "known_cost":
        check_sampler(name, space.objectives)
        return KnownCostSampler(
            space.cost,
            space.draw,
            key=space.key,
            noise_sd=noise_sd,
            seconds=seconds,
            retry=_was_interrupted,
            least_cost=space.budget.least(space.objectives.axis.name),
            cost_index=space.objectives.axis_index,
            metric_index=len(space.objectives.costs),
            seed=seed,
        )
    with warnings.catch_warnings():
        # NSGA-III, and `group` (parameters of a branch modelled jointly), count as experimental.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _OPTUNAS[name](seed)


class Draws:
    """What a study draws next: it follows from the seed and from the trials before alone.

    So a search that was interrupted comes to the networks that it would have come to. Trials that
    the interruption ended don't count: they are begun again.
    """

    def __init__(
        self,
        name: SamplerName,
        seed: int,
        space: PricedSpace,
        seconds: Callable[[Mapping[str, Any]], float] | None = None,
        *,
        worker: str = "",
    ) -> None:
        """Those of a named `worker`, which draws while others do, are its own."""
        self.space = space
        self._name, self._seed, self._seconds = name, seed, seconds
        self._own = (crc32(worker.encode()),) if worker else ()
        self._known_cost: BaseSampler | None = None

    def prepare(self, study: Study) -> None:
        """Give the study the sampler for its next trial."""
        if self._name != "known_cost":  # these keep nothing from one trial to the next but numbers
            seed = int(self._sequence(study, 0).generate_state(1)[0])
            study.sampler = build_sampler(self._name, seed, self.space)
            return
        if self._known_cost is None:
            self._known_cost = build_sampler(self._name, self._seed, self.space, self._seconds)
        study.sampler = self._known_cost

    def generator(self, study: Study) -> Generator:
        """Random numbers for a network that no sampler proposes."""
        return default_rng(self._sequence(study, 1))

    def _sequence(self, study: Study, use: int) -> SeedSequence:
        trials = study.get_trials(deepcopy=False)
        interrupted = sum(
            item.state == TrialState.FAIL and _was_interrupted(item) for item in trials
        )
        waiting = sum(item.state == TrialState.WAITING for item in trials)
        return SeedSequence(
            self._seed, spawn_key=(use, len(trials) - interrupted - waiting, *self._own)
        )


def check_sampler(name: SamplerName, objectives: Objectives, *, per_second: bool = False) -> None:
    """Raises NasError for a sampler that can't draw for these objectives, or weigh seconds."""
    if per_second and name != "known_cost":
        problem = f"the sampler {name} can't weigh seconds, only known_cost can"
        raise NasError(problem, key="--per-second")
    if name == "known_cost" and not objectives.axis_is_known:
        raise NasError(
            "known_cost needs a cost that is known before training and falls, and of "
            f"{', '.join(item.name for item in objectives.costs)} none is: choose another sampler",
            key="search.sampler",
        )


def _was_interrupted(trial: FrozenTrial) -> bool:
    """True for a trial that was ended before its outcome was told: its network may come again."""
    return trial.user_attrs.get("outcome") not in ("failed", "duplicate")

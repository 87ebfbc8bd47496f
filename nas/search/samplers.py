"""The samplers by the name that a space file or a flag gives them."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial

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

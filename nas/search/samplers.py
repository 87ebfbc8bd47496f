"""Optuna's samplers by the name that a space file or a flag gives them."""

import warnings
from collections.abc import Callable

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    NSGAIIISampler,
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)

from nas.spec.sampler_names import SamplerName

POPULATION = 20
"""Trials of a generation: a search trains tens of networks, not thousands."""


_BUILDERS: dict[SamplerName, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True),
    "nsga2": lambda seed: NSGAIISampler(seed=seed, population_size=POPULATION),
    "nsga3": lambda seed: NSGAIIISampler(seed=seed, population_size=POPULATION),
    "random": lambda seed: RandomSampler(seed=seed),
}


def build_sampler(name: SamplerName, seed: int) -> BaseSampler:
    """The sampler of that name. All but `random` learn from constraints; all work in parallel."""
    with warnings.catch_warnings():
        # NSGA-III, and `group` (parameters of a branch modelled jointly), count as experimental.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _BUILDERS[name](seed)

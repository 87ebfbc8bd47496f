"""Optuna's samplers by the name that a space file or a flag gives them."""

import warnings

import optuna

from nas.spec.budget import SamplerName

POPULATION = 20
"""Trials of a generation: a search trains tens of networks, not thousands."""


def build_sampler(name: SamplerName, seed: int) -> optuna.samplers.BaseSampler:
    """The sampler of that name; all learn from constraints and work with several processes."""
    with warnings.catch_warnings():
        # NSGA-III, and `group` (parameters of a branch modelled jointly), count as experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "tpe":
            return optuna.samplers.TPESampler(
                seed=seed, multivariate=True, group=True, constant_liar=True
            )
        if name == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=POPULATION)
        if name == "nsga3":
            return optuna.samplers.NSGAIIISampler(seed=seed, population_size=POPULATION)
        return optuna.samplers.RandomSampler(seed=seed)

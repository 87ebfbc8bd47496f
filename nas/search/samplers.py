"""Optuna's samplers by the name that a space file or a flag gives them."""

import warnings

import optuna

from nas.spec.budget import SamplerName


def build_sampler(name: SamplerName, seed: int) -> optuna.samplers.BaseSampler:
    """The sampler of that name; all of them learn from constraints and work with several processes."""
    if name == "tpe":
        with warnings.catch_warnings():
            # `group` models the parameters of each branch jointly; Optuna calls it experimental.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(
                seed=seed, multivariate=True, group=True, constant_liar=True
            )
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=20)
    if name == "nsga3":
        return optuna.samplers.NSGAIIISampler(seed=seed, population_size=20)
    return optuna.samplers.RandomSampler(seed=seed)

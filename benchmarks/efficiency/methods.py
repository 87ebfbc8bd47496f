"""The samplers that are compared, and how each is shown the choices."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from benchmarks.efficiency.draws import grid
from benchmarks.efficiency.gap_evolution import GapEvolutionSampler
from benchmarks.efficiency.problem import Problem
from nas.search.known_cost import KnownCostSampler


@dataclass(frozen=True)
class Method:
    """A sampler and the way that it is used."""

    title: str
    build: Callable[[Problem, int], BaseSampler]
    """Of a problem and a seed."""
    categorical: bool = False
    """Ordered choices are shown as categorical ones, as an unsuspecting script does."""
    repeats: bool = False
    """A network proposed again is trained again; else it is told its known result, uncounted."""
    parallel: bool = False
    """Several trials run at a time."""


def _known_cost(problem: Problem, seed: int) -> BaseSampler:
    return KnownCostSampler(problem.cost, problem.define, key=problem.key, seed=seed)


def _evolution(problem: Problem, seed: int) -> BaseSampler:
    return GapEvolutionSampler(problem, seed)


def _random(problem: Problem, seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


def _tpe(problem: Problem, seed: int) -> BaseSampler:
    return TPESampler(seed=seed)


def _tpe_multivariate(problem: Problem, seed: int) -> BaseSampler:
    return TPESampler(seed=seed, multivariate=True)


def _tpe_grouped(problem: Problem, seed: int) -> BaseSampler:
    return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)


def _nsga2(problem: Problem, seed: int) -> BaseSampler:
    return NSGAIISampler(seed=seed)


def _nsga2_small(problem: Problem, seed: int) -> BaseSampler:
    return NSGAIISampler(seed=seed, population_size=20)


def _gp(problem: Problem, seed: int) -> BaseSampler:
    return GPSampler(seed=seed)


METHODS: dict[str, Method] = {
    "known_cost": Method("known cost", _known_cost),
    "known_cost_parallel": Method("known cost", _known_cost, parallel=True),
    "tpe_integers": Method("TPE multivariate", _tpe_multivariate),
    "tpe_group": Method("TPE multivariate, grouped", _tpe_grouped),
    "tpe_parallel": Method("TPE multivariate, grouped", _tpe_grouped, parallel=True),
    "tpe_categorical": Method(
        "TPE multivariate, as a script", _tpe_multivariate, categorical=True, repeats=True
    ),
    "tpe": Method("TPE default, as a script", _tpe, categorical=True, repeats=True),
    "nsga2": Method("NSGA-II default, as a script", _nsga2, categorical=True, repeats=True),
    "nsga2_20": Method("NSGA-II, population 20", _nsga2_small),
    "gp": Method("Optuna's GP", _gp),
    "evolution": Method("evolution into gaps of the front", _evolution),
    "random": Method("random", _random),
}
"""Ordered choices are integers and repeats refused, but in what runs as a script of a few lines
would: all choices categorical, repeats trained again."""
OURS = ("known_cost", "known_cost_parallel")
PEERS = tuple(name for name in METHODS if name not in (*OURS, "evolution", "random"))
"""Optuna's samplers."""


def build_sampler(method: Method, problem: Problem, seed: int) -> BaseSampler:
    """The method's sampler for a problem, without word of what is experimental in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return method.build(problem, seed)


class CategoricalTrial:
    """A trial to which integers and stepped floats are categories."""

    def __init__(self, trial: Any) -> None:
        self.trial = trial
        self.number: int = trial.number

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self.trial.suggest_categorical(name, choices)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        return int(self.trial.suggest_categorical(name, list(range(low, high + 1, step))))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        return float(self.trial.suggest_categorical(name, grid(name, low, high, step)))

"""Stacks of layers with ordered choices: cost and merit add up over layers, with a rest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from benchmarks.efficiency.problem import Params, Problem, exactly, params_key, with_noise


@dataclass(frozen=True)
class Layered:
    """The closed form: level `t` of a layer is 0 for its first choice and 1 for its last.

    cost = base + sum of weight t^1.3
    metric = low + (high - low) (1 - exp(-3 m)) / (1 - exp(-3)) - fall (cost / dearest) + rest,
    m the mean of merit t^0.6 and, for neighbours, of `coupling` times t t'.
    """

    name: str
    levels: Sequence[int]
    """Choices of each layer."""
    seed: int
    low: float = 0.5
    high: float = 0.93
    shared: float = 0.7
    """Power with which merit follows the weight of a layer's cost; 0 is no relation."""
    reversed_layers: float = 0.0
    """Share of the layers in which the dearest choice is the worst."""
    coupling: float = 0.3
    fall: float = 0.0
    """What the dearest network loses of its metric for being dear."""
    rest_sd: float = 0.004
    """Of what each network has of its own."""
    noise_sd: float = 0.0
    """Of single trainings."""
    enumerable: bool = True
    numbers: "Numbers" = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", _numbers(self))

    def problem(self) -> Problem:
        """The problem with this closed form."""
        return Problem(
            name=self.name,
            define=self.define,
            cost=self.cost,
            metric=self.metric,
            key=params_key,
            observe=with_noise(self.metric, self.noise_sd)
            if self.noise_sd
            else exactly(self.metric),
            enumerable=self.enumerable,
        )

    def define(self, trial: Any) -> None:
        """Draw a level of each layer."""
        for place, count in enumerate(self.levels):
            trial.suggest_int(f"layer{place}", 0, count - 1)

    def cost(self, params: Params) -> float:
        """MACs."""
        return float(1e6 * (2 + self.numbers.weight @ self._levels(params) ** 1.3))

    def metric(self, params: Params) -> float:
        """True mean, 0 to 1."""
        t, numbers = self._levels(params), self.numbers
        merit_t = np.where(numbers.falls, 1 - t, t)
        merit = float(numbers.merit @ merit_t**0.6)
        merit += self.coupling * float(np.mean(t[1:] * t[:-1])) if len(t) > 1 else 0.0
        filled = (1 - np.exp(-3 * merit / (1 + self.coupling))) / (1 - np.exp(-3))
        dear = self.cost(params) / float(1e6 * (2 + numbers.weight.sum()))
        rest = self.rest_sd * Random(repr((self.seed, t.tolist()))).gauss(0, 1)
        mean = self.low + (self.high - self.low) * filled - self.fall * dear + rest
        return float(np.clip(mean, 0.0, 1.0))

    def _levels(self, params: Params) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array(
            [params[f"layer{place}"] / max(count - 1, 1) for place, count in enumerate(self.levels)]
        )


@dataclass(frozen=True)
class Numbers:
    """What the seed draws for each layer."""

    weight: np.ndarray[Any, np.dtype[np.float64]]
    """Millions of MACs of the last choice."""
    merit: np.ndarray[Any, np.dtype[np.float64]]
    """Sums to 1."""
    falls: np.ndarray[Any, np.dtype[np.bool_]]
    """Whether the dearest choice is the worst."""


def _numbers(form: Layered) -> Numbers:
    generator = np.random.default_rng(form.seed)
    weight = np.exp(0.8 * generator.standard_normal(len(form.levels)))
    merit = weight**form.shared * np.exp(0.6 * generator.standard_normal(len(form.levels)))
    falls = generator.random(len(form.levels)) < form.reversed_layers
    return Numbers(100 * weight / weight.sum(), merit / merit.sum(), falls)

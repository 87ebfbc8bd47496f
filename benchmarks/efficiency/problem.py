"""A search whose answer is known: a space, what its networks cost and how well they do."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Params = Mapping[str, Any]


class Trial(Protocol):
    """What a space asks of an Optuna trial or of anything that stands in for one."""

    def suggest_categorical(self, name: str, choices: Any) -> Any: ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int: ...

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float: ...


@dataclass(frozen=True)
class Problem:
    """A space to search and the truth about it. Cost is minimised, the metric maximised."""

    name: str
    define: Callable[[Any], object]
    """Draws every parameter of one network from a trial, define-by-run; choices that have an order
    are drawn as integers."""
    cost: Callable[[Params], float]
    """Known without training, in MACs or any positive unit; math.inf for what is no member."""
    metric: Callable[[Params], float]
    """True mean metric, 0 to 1."""
    key: Callable[[Params], Hashable]
    """Equal for two sets of parameters that give the same network."""
    observe: Callable[[Params, np.random.Generator], float]
    """Metric of one training; the true mean where trainings have no noise."""
    enumerable: bool = True
    """Whether the space is small enough to look at every member."""


def exactly(metric: Callable[[Params], float]) -> Callable[[Params, np.random.Generator], float]:
    """Trainings that come out at the true mean."""
    return lambda params, generator: metric(params)


def with_noise(
    metric: Callable[[Params], float], sd: float
) -> Callable[[Params, np.random.Generator], float]:
    """Trainings that come out at the true mean plus normal noise, cut to 0..1."""
    return lambda params, generator: float(
        np.clip(metric(params) + sd * generator.standard_normal(), 0.0, 1.0)
    )


def params_key(params: Params) -> Hashable:
    """Names and values of the parameters: for spaces where every set is its own network."""
    return tuple(sorted(params.items()))

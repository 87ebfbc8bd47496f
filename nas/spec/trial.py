"""Trials without a study."""

from collections.abc import Mapping
from typing import Any

import numpy as np


class GivenTrial:
    """A trial with given parameters, for sampling without a study.

    Its methods raise KeyError for a parameter that is not given.
    """

    def __init__(self, params: Mapping[str, Any], number: int = 0) -> None:
        self.params = params
        self.number = number

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self.params[name]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        value: int = self.params[name]
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        value: float = self.params[name]
        return value


class RandomTrial:
    """A trial with random parameters, for sampling without a study."""

    def __init__(self, generator: np.random.Generator, number: int = 0) -> None:
        self.generator = generator
        self.number = number
        self.params: dict[str, Any] = {}

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        self.params[name] = choices[int(self.generator.integers(len(choices)))]
        return self.params[name]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        value = low + step * int(self.generator.integers((high - low) // step + 1))
        self.params[name] = value
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        if step is None:
            value = float(self.generator.uniform(low, high))
        else:
            value = low + step * int(self.generator.integers(round((high - low) / step) + 1))
        self.params[name] = value
        return value

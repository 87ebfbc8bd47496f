"""Members of a define-by-run space: all of them, or those one change away from another."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.efficiency.problem import Params
from nas.spec.trial import RandomTrial


class ListedTrial(ABC):
    """Turns whatever it is asked for into a list of choices."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.number = 0

    @abstractmethod
    def take(self, name: str, choices: list[Any]) -> Any:
        """One of the choices."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._note(name, list(choices))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        return int(self._note(name, list(range(low, high + 1, step))))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        return float(self._note(name, grid(name, low, high, step)))

    def _note(self, name: str, choices: list[Any]) -> Any:
        self.params[name] = self.take(name, choices)
        return self.params[name]


class OdometerTrial(ListedTrial):
    """Takes the choices whose places are given, then the first of each, and counts the choices."""

    def __init__(self, places: list[int]) -> None:
        super().__init__()
        self.places = places
        self.counts: list[int] = []

    def take(self, name: str, choices: list[Any]) -> Any:
        turn = len(self.counts)
        if turn == len(self.places):
            self.places.append(0)
        self.counts.append(len(choices))
        return choices[self.places[turn]]


class PinnedTrial(ListedTrial):
    """Takes the values that are given wherever they are allowed, others at random.

    Notes every choice that it was offered.
    """

    def __init__(self, generator: np.random.Generator, pinned: Params) -> None:
        super().__init__()
        self.generator = generator
        self.pinned = pinned
        self.offered: dict[str, list[Any]] = {}

    def take(self, name: str, choices: list[Any]) -> Any:
        self.offered[name] = choices
        value = self.pinned.get(name)
        return value if value in choices else choices[int(self.generator.integers(len(choices)))]


def grid(name: str, low: float, high: float, step: float | None) -> list[float]:
    """Every value of a float with a step."""
    if step is None:
        raise ValueError(f"{name}: a float without a step can't be enumerated")
    return [low + step * place for place in range(round((high - low) / step) + 1)]


def all_members(define: Callable[[Any], object]) -> Iterator[dict[str, Any]]:
    """Parameters of every member, the last choice turning fastest."""
    places: list[int] = []
    while True:
        trial = OdometerTrial(places)
        define(trial)
        yield trial.params
        places = trial.places[: len(trial.counts)]
        while places and places[-1] == trial.counts[len(places) - 1] - 1:
            places.pop()
        if not places:
            return
        places[-1] += 1


def random_member(
    define: Callable[[Any], object], generator: np.random.Generator
) -> dict[str, Any]:
    """Parameters of one member, every choice drawn evenly."""
    trial = RandomTrial(generator)
    define(trial)
    return trial.params


def neighbours(
    define: Callable[[Any], object], params: Params, generator: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Members with one choice changed; what a changed branch asks anew is drawn at random."""
    here = PinnedTrial(generator, params)
    define(here)
    for name, choices in here.offered.items():
        for value in choices:
            if value != here.params[name]:
                trial = PinnedTrial(generator, {**here.params, name: value})
                define(trial)
                yield trial.params

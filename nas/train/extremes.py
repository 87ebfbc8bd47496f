"""The largest and the smallest member of a space, and members with one choice of their own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nas.macs.architecture import count_architecture
from nas.spec.budget import BudgetSpec
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.domain import Choice
from nas.spec.input_template import InputTemplate
from nas.spec.space import SpaceSpec
from nas.spec.trial import RandomTrial

MAX_VALUES = 64
"""Values of one range of numbers that are tried; of a longer one as many, evenly apart."""
MAX_REFUSED = 100
"""Random members over the budget in a row before the smallest one stands in."""


class _EndTrial:
    """A trial with some given parameters, of the others an end of what is allowed."""

    number = 0

    def __init__(self, given: Mapping[str, Any], end: int) -> None:
        """`end` is 0 for the first value, -1 for the last one."""
        self.given = given
        self.end = end
        self.asked: dict[str, Sequence[Any]] = {}
        """The values that each parameter may have."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._answer(name, list(choices))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        values = np.arange(low, high + 1, step)
        value: int = self._answer(name, _thinned(values.tolist()))
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        count = 2 if step is None else round((high - low) / step) + 1
        value: float = self._answer(name, _thinned(np.linspace(low, high, count).tolist()))
        return value

    def _answer(self, name: str, values: list[Any]) -> Any:
        self.asked[name] = values
        return self.given.get(name, values[self.end])


def _thinned(values: list[Any]) -> list[Any]:
    places = np.linspace(0, len(values) - 1, min(len(values), MAX_VALUES)).round().astype(int)
    return [values[place] for place in dict.fromkeys(places.tolist())]


def largest_member(space: SpaceSpec) -> ArchitectureSpec:
    """The member of the most multiply-adds; of equals that of the most parameters."""
    return space.sample(_EndTrial(_ascended(space, -1), -1))


def smallest_member(space: SpaceSpec) -> ArchitectureSpec:
    """The member of the fewest multiply-adds; of equals that of the fewest parameters."""
    return space.sample(_EndTrial(_ascended(space, 0), 0))


def _ascended(space: SpaceSpec, end: int) -> dict[str, Any]:
    """Parameters of the member at an end of the costs: one is changed at a time as long as that
    helps, from the ends of all ranges on. Costs rise with each width, so that is the end."""
    sign = 1 if end else -1
    given: dict[str, Any] = {}
    best, asked = _tried(space, given, end)
    improved = True
    while improved:
        improved = False
        for name, values in list(asked.items()):
            for value in values:
                cost, others = _tried(space, given | {name: value}, end)
                if sign * cost[0] > sign * best[0] or (
                    cost[0] == best[0] and sign * cost[1] > sign * best[1]
                ):
                    best, asked, improved = cost, others, True
                    given = given | {name: value}
    return given


def _tried(
    space: SpaceSpec, given: Mapping[str, Any], end: int
) -> tuple[tuple[int, int], dict[str, Sequence[Any]]]:
    """Cost of a member, and what its parameters could have been."""
    trial = _EndTrial(given, end)
    report = count_architecture(space.sample(trial))
    return (report.total, report.parameters), trial.asked


def single_choices(space: SpaceSpec) -> Iterator[tuple[str, ArchitectureSpec]]:
    """The largest member with one parameter of another value, for each value of each: which, and
    the member. The smallest one is the first."""
    yield "the smallest", smallest_member(space)
    given = _ascended(space, -1)
    trial = _EndTrial(given, -1)
    space.sample(trial)
    for name, values in trial.asked.items():
        for value in values:
            other = _EndTrial(given | {name: value}, -1)
            yield f"{name} {value}", space.sample(other)


def random_member(
    space: SpaceSpec, size: InputSpec, budget: BudgetSpec, generator: np.random.Generator
) -> ArchitectureSpec | None:
    """A random member of that input with no more MACs and parameters than the budget allows.

    None where `MAX_REFUSED` draws found none.
    """
    channels, height, width = (Choice((side,)) for side in size.shape)
    sized = replace(space, input=InputTemplate(channels, height, width))
    # Others are known to a search alone.
    known = budget.model_copy(update={"max": {}, "max_flash": None, "max_ram": None})
    for _ in range(MAX_REFUSED):
        member = sized.sample(RandomTrial(generator))
        report = count_architecture(member)
        if known.excess(report.total, report.parameters) <= 0:
            return member
    return None

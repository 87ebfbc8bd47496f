"""Domains of values in a search space: one value, a choice, a range."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor
from typing import Any, Protocol

Value = int | float | bool | str | None
DECIMALS = 9
"""Decimals to which the values of a range are rounded."""


class Trial(Protocol):
    """The part of an Optuna trial that sampling needs."""

    @property
    def number(self) -> int:
        """Number of the trial in its study."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        """A whole number from low to high."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        """A number from low to high."""


@dataclass(frozen=True)
class Widths:
    """Input widths of a layer to which ranges may refer."""

    prev: int
    """Input channels."""
    reported: int
    """Width that the previous layer reports: the number sampled for it, before `times`."""

    def resolve(self, value: Value) -> Value:
        """The number that `prev` or `reported` stands for; any other value as it is."""
        if value == "prev":
            return self.prev
        return self.reported if value == "reported" else value


@dataclass(frozen=True)
class Drawn:
    """A sampled value, and the value that is reported to the next layer."""

    value: Value
    base: Value


@dataclass(frozen=True)
class Choice:
    """One of several values; a single value is fixed and never suggested."""

    options: tuple[Value, ...]

    @property
    def ordered(self) -> bool:
        """True for increasing numbers, which samplers should see as ordered."""
        numbers = [item for item in self.options if isinstance(item, int | float)]
        if len(numbers) != len(self.options) or any(isinstance(item, bool) for item in numbers):
            return False
        return all(a < b for a, b in pairwise(numbers))

    def values(self, widths: Widths) -> tuple[Drawn, ...]:
        """All values, in order."""
        resolved = (widths.resolve(option) for option in self.options)
        return tuple(Drawn(value, value) for value in resolved)

    def sample(self, trial: Trial, path: str, widths: Widths) -> Drawn:
        """One value; where there is a choice the trial suggests it, its name begins with `path`."""
        if len(self.options) == 1:
            position = 0
        elif self.ordered:
            position = trial.suggest_int(f"{path}.position", 0, len(self.options) - 1)
        else:
            position = self.options.index(trial.suggest_categorical(path, self.options))
        return self.values(widths)[position]


@dataclass(frozen=True)
class Range:
    """Numbers from low to high by steps, each multiplied by `times` after it is drawn.

    An end may be `prev` or `reported`. Then Optuna is given the position within the range, 0 to
    `positions - 1`: its distribution is the same in every trial, and the number follows from it.
    """

    low: int | float | str
    high: int | float | str
    step: int | float = 1
    times: int = 1
    positions: int = 0
    """Length of the longest range that can occur, for ranges whose ends are not fixed."""

    @property
    def relative(self) -> bool:
        """True where an end depends on the layer's input."""
        return isinstance(self.low, str) or isinstance(self.high, str)

    def values(self, widths: Widths) -> tuple[Drawn, ...]:
        """All values, in order; none where low is above high."""
        low, count = self._extent(widths)
        return tuple(self._drawn(low + index * self.step) for index in range(count))

    def _extent(self, widths: Widths) -> tuple[int | float, int]:
        """The lowest number, and how many there are."""
        low, high = widths.resolve(self.low), widths.resolve(self.high)
        assert isinstance(low, int | float)
        assert isinstance(high, int | float)
        return low, max(floor((high - low) / self.step + 1e-9) + 1, 0)

    def _drawn(self, base: int | float) -> Drawn:
        base = round(base, DECIMALS) if isinstance(base, float) else base
        return Drawn(base * self.times, base)

    def sample(self, trial: Trial, path: str, widths: Widths) -> Drawn:
        """One value, suggested as `Choice.sample` does."""
        low, count = self._extent(widths)
        if count == 1:
            return self._drawn(low)
        if self.relative:
            position = trial.suggest_int(f"{path}.position", 0, self.positions - 1)
            return self._drawn(low + position * count // self.positions * self.step)
        first, last = self._drawn(low).base, self._drawn(low + (count - 1) * self.step).base
        if isinstance(first, int) and isinstance(last, int) and isinstance(self.step, int):
            return self._drawn(trial.suggest_int(path, first, last, step=self.step))
        assert isinstance(first, int | float)
        assert isinstance(last, int | float)
        return self._drawn(trial.suggest_float(path, first, last, step=self.step))

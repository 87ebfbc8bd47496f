"""What a value of a search space may be: one value, a choice among some, a range."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Any, Protocol

from nas.errors import did_you_mean
from nas.spec.load import Document, KeyPath, show

Value = int | float | bool | str | None
MAX_CHOICES = 10_000
SYMBOLS = ("prev", "reported")


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
    """What comes into a layer, as far as ranges may refer to it."""

    prev: int
    """Channels that come in."""
    reported: int
    """Channels that the layer before reports: the number drawn for it, before `times`."""

    def resolve(self, value: Value) -> Value:
        """The number that `prev` or `reported` stands for; any other value as it is."""
        if value == "prev":
            return self.prev
        return self.reported if value == "reported" else value


@dataclass(frozen=True)
class Drawn:
    """A value, and what it is reported as to the next layer."""

    value: Value
    base: Value


class Domain(Protocol):
    """The values that one key of a space may have."""

    def values(self, widths: Widths) -> tuple[Drawn, ...]:
        """All values, in order; none where a range is empty."""

    def sample(self, trial: Trial, path: str, widths: Widths) -> Drawn:
        """One value, suggested by the trial under a name that begins with `path` if there is a choice."""


@dataclass(frozen=True)
class Choice:
    """One of some values; a single one is fixed and never suggested."""

    options: tuple[Value, ...]

    @property
    def ordered(self) -> bool:
        """True for increasing numbers, which samplers should see as ordered."""
        numbers = [item for item in self.options if isinstance(item, int | float)]
        if len(numbers) != len(self.options) or any(isinstance(item, bool) for item in numbers):
            return False
        return all(a < b for a, b in zip(numbers, numbers[1:], strict=False))

    def values(self, widths: Widths) -> tuple[Drawn, ...]:
        resolved = (widths.resolve(option) for option in self.options)
        return tuple(Drawn(value, value) for value in resolved)

    def sample(self, trial: Trial, path: str, widths: Widths) -> Drawn:
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
    `positions - 1`, so that its distribution is the same in every trial; the number is resolved after it.
    """

    low: int | float | str
    high: int | float | str
    step: int | float = 1
    times: int = 1
    positions: int = 0
    """Length of the longest range that can occur, for ranges whose ends are not fixed."""

    @property
    def relative(self) -> bool:
        """True where an end depends on what comes in."""
        return isinstance(self.low, str) or isinstance(self.high, str)

    def values(self, widths: Widths) -> tuple[Drawn, ...]:
        low, high = widths.resolve(self.low), widths.resolve(self.high)
        assert isinstance(low, int | float)
        assert isinstance(high, int | float)
        count = floor((high - low) / self.step + 1e-9) + 1
        return tuple(self._drawn(low + index * self.step) for index in range(max(count, 0)))

    def _drawn(self, base: int | float) -> Drawn:
        base = round(base, 9) if isinstance(base, float) else base
        return Drawn(base * self.times, base)

    def sample(self, trial: Trial, path: str, widths: Widths) -> Drawn:
        values = self.values(widths)
        if len(values) == 1:
            return values[0]
        if self.relative:
            position = trial.suggest_int(f"{path}.position", 0, self.positions - 1)
            return values[position * len(values) // self.positions]
        low, high = values[0].base, values[-1].base
        if isinstance(low, int) and isinstance(high, int) and isinstance(self.step, int):
            return self._drawn(trial.suggest_int(path, low, high, step=self.step))
        assert isinstance(low, int | float)
        assert isinstance(high, int | float)
        return self._drawn(trial.suggest_float(path, low, high, step=self.step))


def parse_domain(document: Document, key: KeyPath, data: Any) -> Choice | Range:
    """The domain written at `key`: a scalar, a list of scalars, or `{low, high, step, times}`."""
    if isinstance(data, dict):
        return _parse_range(document, key, data)
    options = data if isinstance(data, list) else [data]
    if not options or len(options) > MAX_CHOICES:
        raise document.error(key, f"{len(options)} choices; allowed are 1 to {MAX_CHOICES}")
    for index, option in enumerate(options):
        if isinstance(option, dict | list):
            raise document.error(
                (*key, index), f"a choice is among plain values, not {show(option)}"
            )
        if any(type(option) is type(other) and option == other for other in options[:index]):
            raise document.error((*key, index), f"{show(option)} stands here twice")
    return Choice(tuple(options))


def _parse_range(document: Document, key: KeyPath, data: dict[str, Any]) -> Range:
    allowed = ("low", "high", "step", "times")
    for name in data:
        if name not in allowed:
            raise document.error(
                (*key, name), f"no key {name!r} in a range{did_you_mean(name, allowed)}"
            )
    for name in ("low", "high"):
        if name not in data:
            raise document.error((*key, name), "this key is missing: a range needs low and high")
        _check_end(document, (*key, name), data[name])
    step, times = data.get("step", 1), data.get("times", 1)
    if not _is_number(step) or not step > 0 or step == float("inf"):
        raise document.error((*key, "step"), f"{show(step)} is not allowed: a number above 0")
    if not isinstance(times, int) or isinstance(times, bool) or times < 1:
        raise document.error(
            (*key, "times"), f"{show(times)} is not allowed: a whole number from 1"
        )
    found = Range(data["low"], data["high"], step, times)
    if not found.relative:
        _check_length(document, key, found)
    return found


def _check_end(document: Document, key: KeyPath, value: Any) -> None:
    finite = _is_number(value) and abs(value) < 1e9
    if not finite and not (isinstance(value, str) and value in SYMBOLS):
        near = did_you_mean(value, SYMBOLS) if isinstance(value, str) else ""
        raise document.error(key, f"{show(value)} is not allowed: a number, prev or reported{near}")


def _check_length(document: Document, key: KeyPath, found: Range) -> None:
    low, high = float(found.low), float(found.high)
    if low > high:
        raise document.error(key, f"low {show(found.low)} is above high {show(found.high)}")
    if (high - low) / found.step >= MAX_CHOICES:
        raise document.error(key, f"more than {MAX_CHOICES} steps from {found.low} to {found.high}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""A trial without a study, which takes over values that are given and draws the others."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

LOCAL_SHARE = 0.2
"""Spread of a small change of a number, as a share of its range."""


class SpaceFunction(Protocol):
    """A define-by-run space: it asks a trial, or what looks like one, for its parameters."""

    def __call__(self, trial: Any, /) -> Any:
        """Suggest every parameter of one member."""


class Replay:
    """What a space function needs of a trial; afterwards `params` and `distributions` are whole.

    A value of `inherited` is kept where the parameter exists and may have it; names in `nudged` get
    a value near the inherited one; all other parameters are drawn uniformly.
    """

    def __init__(
        self,
        generator: np.random.Generator,
        inherited: Mapping[str, Any] | None = None,
        nudged: frozenset[str] = frozenset(),
    ) -> None:
        self.number = 0
        self.params: dict[str, Any] = {}
        self.distributions: dict[str, BaseDistribution] = {}
        self.drawn = 0
        """Parameters that were drawn, not inherited."""
        self.generator = generator
        self.inherited = {} if inherited is None else inherited
        self._nudged = nudged

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self.suggest(name, _categorical(tuple(choices)))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        return int(self.suggest(name, _integer(low, high, step, log)))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        return float(self.suggest(name, _real(low, high, step, log)))

    def suggest(self, name: str, distribution: BaseDistribution) -> Any:
        """The value of the parameter of that name."""
        if name not in self.params:
            self.distributions[name] = distribution
            self.params[name] = self._value(name, distribution)
        return self.params[name]

    def _value(self, name: str, distribution: BaseDistribution) -> Any:
        if name in self.inherited:
            value = settled(distribution, self.inherited[name])
            if value is not NO_VALUE:
                return nudge(distribution, value, self.generator) if name in self._nudged else value
        self.drawn += 1
        return draw(distribution, self.generator)


@lru_cache(maxsize=4096)
def _integer(low: int, high: int, step: int, log: bool) -> IntDistribution:
    return IntDistribution(low, high, log=log, step=step)


@lru_cache(maxsize=4096)
def _real(low: float, high: float, step: float | None, log: bool) -> FloatDistribution:
    return FloatDistribution(low, high, log=log, step=step)


def _categorical(choices: tuple[Any, ...]) -> CategoricalDistribution:
    # 1, 1.0 and True are one key of a cache: their types keep them apart.
    try:
        return _categorical_of_types(choices, tuple(map(type, choices)))
    except TypeError:  # lists, which can't be keys
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the study's own trial warned of them
            return CategoricalDistribution(choices)


@lru_cache(maxsize=4096)
def _categorical_of_types(
    choices: tuple[Any, ...], _types: tuple[type, ...]
) -> CategoricalDistribution:
    return CategoricalDistribution(choices)


def function_of(distributions: Mapping[str, BaseDistribution]) -> Callable[[Replay], None]:
    """The space function of fixed distributions."""
    fixed = dict(distributions)

    def suggest_all(trial: Replay) -> None:
        for name, distribution in fixed.items():
            trial.suggest(name, distribution)

    return suggest_all


class _NoValue:
    """Stands for a value that a parameter can't have; None may be one that it can."""


NO_VALUE = _NoValue()


MOST_SETTLED = 4096
"""Distributions, and values of each, that are remembered."""
_SETTLED: dict[int, tuple[BaseDistribution, dict[Any, Any]]] = {}
"""Values that were settled, by the identity of their distribution, whose hash takes long. It is
kept with them, so that no other one gets its identity."""


def settled(distribution: BaseDistribution, value: Any) -> Any:
    """The value as a trial of Optuna's has it, 2 for 2.0 of whole numbers; NO_VALUE for none."""
    known = _SETTLED.get(id(distribution))
    if known is None:
        if len(_SETTLED) >= MOST_SETTLED:
            _SETTLED.clear()
        known = _SETTLED[id(distribution)] = (distribution, {})
    values = known[1]
    try:
        return values[value]
    except TypeError:  # a list, which can't be a key
        return _settled(distribution, value)
    except KeyError:
        if len(values) >= MOST_SETTLED:
            values.clear()
        result = values[value] = _settled(distribution, value)
        return result


def _settled(distribution: BaseDistribution, value: Any) -> Any:
    try:
        internal = distribution.to_internal_repr(value)
    except (ValueError, TypeError):
        return NO_VALUE
    if not isinstance(distribution, CategoricalDistribution) and not _within(
        distribution, internal
    ):
        return NO_VALUE
    return distribution.to_external_repr(internal)


def _within(distribution: BaseDistribution, value: float) -> bool:
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    if not distribution.low <= value <= distribution.high:
        return False
    if distribution.step is None:
        return True
    steps = (value - distribution.low) / distribution.step
    return bool(abs(steps - round(steps)) < 1e-8)


def draw(distribution: BaseDistribution, generator: np.random.Generator) -> Any:
    """A value, uniform over the distribution, on a logarithmic scale where it has one."""
    # By type: an instance check of Optuna's abstract classes takes ten times as long.
    if type(distribution) is CategoricalDistribution:
        return distribution.choices[int(generator.integers(len(distribution.choices)))]
    if type(distribution) is IntDistribution and not distribution.log:
        count = (distribution.high - distribution.low) // distribution.step + 1
        return distribution.low + distribution.step * int(generator.integers(count))
    return value_at(distribution, float(generator.uniform()))


def nudge(distribution: BaseDistribution, value: Any, generator: np.random.Generator) -> Any:
    """Another value near this one; any other one where values have no order."""
    if distribution.single():
        return value
    if isinstance(distribution, CategoricalDistribution):
        own, count = int(distribution.to_internal_repr(value)), len(distribution.choices)
        return distribution.choices[(own + 1 + int(generator.integers(count - 1))) % count]
    place = position(distribution, value)
    moved = value_at(distribution, place + LOCAL_SHARE * float(generator.normal()))
    if moved == value and isinstance(distribution, IntDistribution) and not distribution.log:
        step = distribution.step if generator.uniform() < 0.5 else -distribution.step
        moved = value + step if _within(distribution, value + step) else value - step
    return moved


def position(distribution: BaseDistribution, value: Any) -> float:
    """Where a number lies in its range, from 0 to 1."""
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high = float(distribution.low), float(distribution.high)
    if high <= low:
        return 0.5
    if distribution.log:
        return float(np.log(value / low) / np.log(high / low))
    return (float(value) - low) / (high - low)


def value_at(distribution: BaseDistribution, place: float) -> int | float:
    """The number at a place of its range: 0 or less is its low end, 1 or more its high one."""
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high = float(distribution.low), float(distribution.high)
    place = min(max(place, 0.0), 1.0)
    value = low * (high / low) ** place if distribution.log else low + place * (high - low)
    if distribution.step is not None:
        value = low + distribution.step * round((value - low) / distribution.step)
    value = min(max(value, low), high)
    return int(value) if isinstance(distribution, IntDistribution) else value

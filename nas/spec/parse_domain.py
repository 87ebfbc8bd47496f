"""Read what one key of a space may be: a scalar, a list, or `{low, high, step, times}`."""

from typing import Any

from nas.errors import did_you_mean
from nas.spec.document import Document, KeyPath, show
from nas.spec.domain import DECIMALS, Choice, Range

MAX_CHOICES = 4_000
MAX_TIMES = 1_000
SYMBOLS = ("prev", "reported")
RANGE_KEYS = ("low", "high", "step", "times")


def parse_domain(
    document: Document, key: KeyPath, data: Any, *, symbols: bool = True
) -> Choice | Range:
    """The domain written at `key`. Without `symbols`, `prev` and `reported` are refused."""
    if isinstance(data, dict):
        found = _parse_range(document, key, data)
        if found.relative and not symbols:
            raise document.error(key, "prev and reported have no meaning here: write numbers")
        return found
    options = data if isinstance(data, list) else [data]
    if not options or len(options) > MAX_CHOICES:
        raise document.error(key, f"{len(options)} choices; allowed are 1 to {MAX_CHOICES}")
    for index, option in enumerate(options):
        place = (*key, index) if isinstance(data, list) else key
        if isinstance(option, dict | list):
            problem = f"a choice is among plain values, not {show(option)}"
            raise document.error(place, problem)
        if isinstance(option, str) and option in SYMBOLS and not symbols:
            raise document.error(place, f"{option} has no meaning here: write a number")
    _check_distinct(document, key, options)
    return Choice(tuple(options))


def _check_distinct(document: Document, key: KeyPath, options: list[Any]) -> None:
    """Raises NasError for a value that stands twice; as Optuna does, `1` and `true` are one."""
    seen: set[Any] = set()
    for index, option in enumerate(options):
        if option in seen:
            raise document.error((*key, index), f"{show(option)} stands here twice")
        seen.add(option)


def _parse_range(document: Document, key: KeyPath, data: dict[str, Any]) -> Range:
    for name in data:
        if name not in RANGE_KEYS:
            near = did_you_mean(name, RANGE_KEYS)
            raise document.error((*key, name), f"no key {show(name)} in a range{near}")
    for name in ("low", "high"):
        if name not in data:
            raise document.error((*key, name), "this key is missing: a range needs low and high")
        _check_end(document, (*key, name), data[name])
    step, times = data.get("step", 1), data.get("times", 1)
    if not _is_number(step) or not 0 < step < 1e9:
        raise document.error((*key, "step"), f"{show(step)} is not allowed: a number above 0")
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MAX_TIMES:
        problem = f"{show(times)} is not allowed: a whole number from 1 to {MAX_TIMES}"
        raise document.error((*key, "times"), problem)
    found = Range(data["low"], data["high"], step, times)
    _check_decimals(document, key, found)
    if not found.relative:
        _check_length(document, key, found)
    return found


def _check_end(document: Document, key: KeyPath, value: Any) -> None:
    finite = _is_number(value) and abs(value) < 1e9
    if not finite and value not in SYMBOLS:
        near = did_you_mean(value, SYMBOLS) if isinstance(value, str) else ""
        raise document.error(key, f"{show(value)} is not allowed: a number, prev or reported{near}")


def _check_decimals(document: Document, key: KeyPath, found: Range) -> None:
    """Raises NasError for numbers whose sums of steps rounding would change."""
    for name, value in (("low", found.low), ("high", found.high), ("step", found.step)):
        if isinstance(value, float) and found.relative:
            problem = f"{show(value)} is not allowed: a whole number, beside prev or reported"
            raise document.error((*key, name), problem)
        if isinstance(value, float) and round(value, DECIMALS) != value:
            raise document.error((*key, name), f"{value!r} has more than {DECIMALS} decimals")


def _check_length(document: Document, key: KeyPath, found: Range) -> None:
    low, high = float(found.low), float(found.high)
    if low > high:
        raise document.error(key, f"low {show(found.low)} is above high {show(found.high)}")
    if (high - low) / found.step >= MAX_CHOICES:
        raise document.error(key, f"more than {MAX_CHOICES} steps from {found.low} to {found.high}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

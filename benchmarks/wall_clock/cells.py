"""How figures stand in the tables."""

from collections.abc import Iterable
from statistics import median

UNKNOWN = "-"


def f1_text(value: float | None, *, signed: bool = False) -> str:
    """Three digits; a dash for what is not known."""
    if value is None:
        return UNKNOWN
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def known_median(values: Iterable[float | None]) -> float | None:
    """The median of those that are known; None if none is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None

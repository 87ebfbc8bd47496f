"""Fronts of few multiply-adds and high macro-F1: their volume, and how two of them compare."""

from collections.abc import Iterable
from math import log10

from benchmarks.wall_clock.measured import Measured


def front_of(measured: Iterable[Measured]) -> list[Measured]:
    """The networks than which none is as good in both and better in one, cheapest first."""
    front: list[Measured] = []
    for item in sorted(measured, key=lambda item: (item.macs, -item.macro_f1, item.at_s)):
        if not front or item.macro_f1 > front[-1].macro_f1:
            front.append(item)
    return front


def best_within(measured: Iterable[Measured], macs: int) -> Measured | None:
    """The network of highest macro-F1 with at most so many MACs; of equals the cheapest."""
    within = [item for item in measured if item.macs <= macs]
    return max(within, key=lambda item: (item.macro_f1, -item.macs), default=None)


def hypervolume(measured: Iterable[Measured], max_macs: int, reference_f1: float) -> float:
    """Area that the front dominates, in decades of MACs times macro-F1.

    It lies left of `max_macs` on a log10 axis and above `reference_f1`.
    """
    usable = [m for m in measured if m.macs <= max_macs and m.macro_f1 > reference_f1]
    steps = front_of(usable)
    ends = [item.macs for item in steps[1:]] + [max_macs] * bool(steps)
    return sum(
        log10(end / item.macs) * (item.macro_f1 - reference_f1)
        for item, end in zip(steps, ends, strict=True)
    )


def volume_at(
    measured: Iterable[Measured], seconds: float, max_macs: int, reference_f1: float
) -> float:
    """The hypervolume of what had been measured after so many seconds."""
    return hypervolume([item for item in measured if item.at_s <= seconds], max_macs, reference_f1)


def time_to_reach(
    measured: Iterable[Measured], volume: float, max_macs: int, reference_f1: float
) -> float | None:
    """Seconds after which the hypervolume is at least `volume`; None if it never is."""
    ordered = sorted(measured, key=lambda item: item.at_s)
    for item in ordered:
        if volume_at(ordered, item.at_s, max_macs, reference_f1) >= volume:
            return item.at_s
    return None

"""Fronts of few multiply-adds and high macro-F1: their volume, and how two of them compare."""

from collections.abc import Iterable
from math import log10

from benchmarks.hypervolume import Reference, Staircase, undominated
from benchmarks.wall_clock.measured import Measured


def front_of(measured: Iterable[Measured]) -> list[Measured]:
    """The networks than which none is as good in both and better in one, cheapest first."""
    known = sorted(measured, key=lambda item: item.at_s)  # of equals the first counts
    kept = undominated([item.macs for item in known], [item.macro_f1 for item in known])
    return [known[place] for place in kept]


def best_within(measured: Iterable[Measured], macs: int) -> Measured | None:
    """The network of highest macro-F1 with at most so many MACs; of equals the cheapest."""
    within = [item for item in measured if item.macs <= macs]
    return max(within, key=lambda item: (item.macro_f1, -item.macs), default=None)


def hypervolume(measured: Iterable[Measured], max_macs: int, reference_f1: float) -> float:
    """Area that the front dominates, in decades of MACs times macro-F1.

    It lies left of `max_macs` on a log10 axis and above `reference_f1`.
    """
    stairs = Staircase(Reference(log10(max_macs), reference_f1))
    for item in measured:
        stairs.add(log10(item.macs), item.macro_f1)
    return stairs.hypervolume()


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

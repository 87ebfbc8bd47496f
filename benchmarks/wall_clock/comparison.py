"""One search's front against another's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.wall_clock.front import best_within, front_of, hypervolume, time_to_reach
from benchmarks.wall_clock.measured import Measured


@dataclass(frozen=True)
class Comparison:
    """Our search against another, both after the same time."""

    gaps: tuple[float, ...]
    """Of each member of the other's front: `shortfalls`."""
    volume: float
    """Our hypervolume."""
    other_volume: float
    reached_s: float | None
    """When our hypervolume was first at least what the other's is in the end."""
    other_reached_s: float | None
    """When the other's was; None where it has none."""

    @property
    def equalled(self) -> int:
        """Members of the other's front that one of ours equals or dominates."""
        return sum(gap <= 0 for gap in self.gaps)


def compare(
    ours: Sequence[Measured], other: Sequence[Measured], max_macs: int, reference_f1: float
) -> Comparison:
    """How our search compares; networks of at most `reference_f1` count for nothing."""
    ours = [item for item in ours if item.macro_f1 > reference_f1]
    other = [item for item in other if item.macro_f1 > reference_f1]
    volume = hypervolume(other, max_macs, reference_f1)
    return Comparison(
        gaps=tuple(shortfalls(other, ours)),
        volume=hypervolume(ours, max_macs, reference_f1),
        other_volume=volume,
        reached_s=time_to_reach(ours, volume, max_macs, reference_f1),
        other_reached_s=time_to_reach(other, volume, max_macs, reference_f1),
    )


def shortfalls(theirs: Iterable[Measured], ours: Sequence[Measured]) -> list[float]:
    """For each member of their front its macro-F1 less that of our best at no more MACs.

    At most 0 where ours dominates or equals it; where ours has nothing so cheap, all of its F1.
    """
    gaps: list[float] = []
    for member in front_of(theirs):
        best = best_within(ours, member.macs)
        gaps.append(member.macro_f1 - (0.0 if best is None else best.macro_f1))
    return gaps

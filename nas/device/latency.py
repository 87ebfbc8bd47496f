"""What repeated measurements of time say: the middle, the spread, and whether it can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

NOISY = 0.1
"""Spread of the rounds' medians, as a share of the median, from which on a machine is too noisy."""


@dataclass(frozen=True)
class Latency:
    """How long a network takes for a batch: runs of several rounds, in seconds."""

    rounds: tuple[tuple[float, ...], ...]
    """The runs of each round, in order; the rounds lie apart in time."""

    @cached_property
    def quantiles(self) -> tuple[float, float, float]:
        """10th, 50th and 90th percentile of all runs."""
        low, middle, high = np.quantile(np.concatenate(self.rounds), (0.1, 0.5, 0.9))
        return float(low), float(middle), float(high)

    @property
    def median(self) -> float:
        """Of all runs."""
        return self.quantiles[1]

    @property
    def medians(self) -> list[float]:
        """Of each round."""
        return [float(np.median(runs)) for runs in self.rounds]

    @property
    def spread(self) -> float:
        """Range of the rounds' medians but the lowest and the highest, as a share of the median.

        The network is the same in every round, so this is the machine's: what else ran on it, its
        clock. One disturbed round does not count.
        """
        ordered = sorted(self.medians)
        kept = ordered[1:-1] if len(ordered) > 4 else ordered
        return (kept[-1] - kept[0]) / self.median

    @property
    def noisy(self) -> bool:
        """Whether the machine was too noisy to tell."""
        return self.spread > NOISY

    @property
    def runs(self) -> int:
        """How many there were."""
        return sum(map(len, self.rounds))

    def as_json(self) -> dict[str, Any]:
        """Plain values under full names."""
        low, middle, high = self.quantiles
        return {
            "median_ms": middle * 1e3,
            "p10_ms": low * 1e3,
            "p90_ms": high * 1e3,
            "runs": self.runs,
            "rounds": len(self.rounds),
            "spread": self.spread,
            "noisy": self.noisy,
        }


@dataclass(frozen=True)
class LatencyRatio:
    """The first of two networks against the second, whose rounds took turns."""

    ratios: tuple[float, ...]
    """Of the medians of each pair of rounds."""

    @classmethod
    def of(cls, first: Latency, second: Latency) -> "LatencyRatio":
        """Each round of one against the round of the other that followed it."""
        pairs = zip(first.medians, second.medians, strict=True)
        return cls(tuple(one / other for one, other in pairs))

    @property
    def quantiles(self) -> Sequence[float]:
        """10th, 50th and 90th percentile."""
        low, middle, high = np.quantile(self.ratios, (0.1, 0.5, 0.9))
        return float(low), float(middle), float(high)

    @property
    def undecided(self) -> bool:
        """Whether either may be the quicker one."""
        low, _, high = self.quantiles
        return low <= 1 <= high

    def as_json(self) -> dict[str, Any]:
        """Plain values under full names."""
        low, middle, high = self.quantiles
        return {"median": middle, "p10": low, "p90": high, "undecided": self.undecided}

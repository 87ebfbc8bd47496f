"""Recorded learning curves of networks, their front, and what it is worth."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

from benchmarks.efficiency.hypervolume import Reference, Staircase
from nas.search.stopping.curve import Curve

BEYOND = 1.1
"""How far beyond the dearest network the corner of the hypervolume lies."""


@dataclass(frozen=True)
class Recorded:
    """One network's short and full training, and their wall-clock seconds an epoch."""

    curve: Curve
    short_epoch_s: float
    full_epoch_s: float


@dataclass(frozen=True)
class Pool:
    """Networks of one space, each trained to the end."""

    networks: tuple[Recorded, ...]

    @property
    def epochs(self) -> int:
        """Length of the full trainings."""
        return len(self.networks[0].curve.full)

    @property
    def front(self) -> tuple[Curve, ...]:
        """The networks that no other one beats, cheapest first."""
        front: list[Curve] = []
        for curve in sorted(self._curves(), key=lambda item: (item.macs, -item.best)):
            if not front or curve.best > front[-1].best:
                front.append(curve)
        return tuple(front)

    def hypervolume(self, curves: Iterable[Curve] | None = None) -> float:
        """Area that the finished curves dominate, by default all: log-MACs times metric.

        It ends a little beyond the dearest network, and at the worst final metric of the pool.
        """
        known = self._curves()
        dearest, worst = max(item.macs for item in known), min(item.best for item in known)
        stairs = Staircase(Reference(log(dearest * BEYOND), worst))
        for curve in known if curves is None else curves:
            if curve.finished:
                stairs.add(log(curve.macs), curve.best)
        return stairs.hypervolume()

    def _curves(self) -> Sequence[Curve]:
        return [item.curve for item in self.networks]


def read_pool(path: Path) -> Pool:
    """The networks of a file that `nas.search` would have trained with its first seed."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return Pool(tuple(_recorded(number, row) for number, row in enumerate(rows)))


def _recorded(number: int, row: dict[str, Any]) -> Recorded:
    first_seed = [run for run in row["runs"] if run["seed"] == 0]
    short, *_, full = sorted(first_seed, key=lambda run: run["epochs"])
    return Recorded(
        Curve(number, row["macs"], tuple(full["history"]), tuple(short["history"]), finished=True),
        short["seconds"] / short["epochs"],
        full["seconds"] / full["epochs"],
    )

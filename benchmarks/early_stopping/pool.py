"""Recorded learning curves of networks, their front, and what it is worth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt
from pathlib import Path
from typing import Any

from benchmarks.hypervolume import Reference, Staircase, undominated
from benchmarks.json_lines import read_json_lines
from nas.search.stopping.rule import LearningCurve

BEYOND = 1.1
"""How far beyond the dearest network the corner of the hypervolume lies."""


@dataclass(frozen=True)
class Recorded:
    """One network's short and full training, and their wall-clock seconds an epoch."""

    curve: LearningCurve
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
    def front(self) -> tuple[LearningCurve, ...]:
        """The networks that no other one beats, cheapest first."""
        curves = self._curves()
        kept = undominated([item.cost for item in curves], [item.best for item in curves])
        return tuple(curves[place] for place in kept)

    def hypervolume(self, curves: Iterable[LearningCurve] | None = None) -> float:
        """Area that the finished curves dominate, by default all: log-MACs times metric.

        It ends a little beyond the dearest network, and at the worst final metric of the pool.
        """
        known = self._curves()
        dearest, worst = max(item.cost for item in known), min(item.best for item in known)
        stairs = Staircase(Reference(log(dearest * BEYOND), worst))
        for curve in known if curves is None else curves:
            if curve.finished:
                stairs.add(log(curve.cost), curve.best)
        return stairs.hypervolume()

    def _curves(self) -> Sequence[LearningCurve]:
        return [item.curve for item in self.networks]


def read_pool(path: Path) -> Pool:
    """The networks of a file, by their first seed. Raises NasError for no such file."""
    rows = list(read_json_lines(path, ("macs", "runs")))
    seed_sd = _seed_sd(rows)
    return Pool(tuple(_recorded(number, row, seed_sd) for number, row in enumerate(rows)))


def _seed_sd(rows: Sequence[dict[str, Any]]) -> float:
    """Of one network's final metric, pooled over those with two full trainings; 0 without any."""
    finals = [
        [max(run["history"]) for run in row["runs"] if run["epochs"] == epochs]
        for row in rows
        for epochs in [max(run["epochs"] for run in row["runs"])]
    ]
    halves = [(pair[0] - pair[1]) ** 2 / 2 for pair in finals if len(pair) == 2]
    return sqrt(sum(halves) / len(halves)) if halves else 0.0


def _recorded(number: int, row: dict[str, Any], seed_sd: float) -> Recorded:
    first_seed = [run for run in row["runs"] if run["seed"] == 0]
    short, *_, full = sorted(first_seed, key=lambda run: run["epochs"])
    return Recorded(
        LearningCurve(
            number,
            row["macs"],
            tuple(full["history"]),
            tuple(short["history"]),
            finished=True,
            seed_sd=seed_sd,
        ),
        short["seconds"] / short["epochs"],
        full["seconds"] / full["epochs"],
    )

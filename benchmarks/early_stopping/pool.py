"""Recorded learning curves of networks, their front, and what it is worth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt
from pathlib import Path
from typing import Any

from benchmarks.hypervolume import Reference, Staircase, undominated
from benchmarks.json_lines import read_json_lines
from nas.errors import NasError
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


def pool_of_search(folder: Path, seed_sd: float) -> Pool:
    """The networks that a search trained to the end, without short trainings.

    `seed_sd` is the standard deviation of a final metric from seed to seed. Raises NasError for a
    folder of another kind, or with a training that was stopped.
    """
    import optuna  # and torch, with these, take seconds to import

    from nas.search.store import open_store
    from nas.search.trials import records_of

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    store = open_store("journal", folder)
    if not store.begun():
        raise NasError("no search of MACs and a metric was begun here", file=folder)
    records = records_of(store.search(("minimize", "maximize")))
    if any(record.state == "stopped" for record in records):
        raise NasError("trainings were stopped there: search with --stop none", file=folder)
    trained = [record for record in records if record.state == "trained" and record.macs]
    if len(trained) < 2:
        raise NasError(f"{len(trained)} networks were trained there, 2 are needed", file=folder)
    return Pool(
        tuple(
            Recorded(
                LearningCurve(
                    number, record.macs or 0, record.history, finished=True, seed_sd=seed_sd
                ),
                0.0,
                (record.seconds or 0.0) / len(record.history),
            )
            for number, record in enumerate(trained)
        )
    )


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

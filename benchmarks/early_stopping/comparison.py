"""Rules side by side: what each saves against training everything to its end, and what it loses."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.early_stopping.orders import ORDERS
from benchmarks.early_stopping.pool import Pool
from benchmarks.early_stopping.replay import Replay, replay
from nas.search.stopping.rule import NeverStop, StopRule
from nas.text_table import aligned

SHARES = (0.95, 0.99, 1.0)
"""Of the hypervolume of the whole pool."""


@dataclass(frozen=True)
class Arm:
    """A rule under its name, with short trainings before the full ones or without."""

    name: str
    rule: StopRule
    short: bool


def compare(pool: Pool, arms: Sequence[Arm], order: str, seeds: int) -> str:
    """A table with a row for each arm: medians over the seeds, in which the orders are drawn."""
    orders = [ORDERS[order](pool, seed) for seed in range(seeds)]
    bases = [replay(pool, numbers, NeverStop(), short=False) for numbers in orders]
    heads = ("", *(f"to {share:.0%}" for share in SHARES), "seconds to 99%", "all epochs")
    heads += ("stopped", "hypervolume", "front members lost")
    rows = []
    for arm in arms:
        runs = [replay(pool, numbers, arm.rule, short=arm.short) for numbers in orders]
        rows.append((arm.name, *_cells(pool, bases, runs)))
    return "\n".join(aligned([heads, *rows], {0, len(heads) - 1}))


def _cells(pool: Pool, bases: Sequence[Replay], runs: Sequence[Replay]) -> tuple[str, ...]:
    whole = pool.hypervolume()
    spent: list[Callable[[Replay], float]] = [
        *(partial(Replay.epochs_to, hypervolume=share * whole) for share in SHARES),
        partial(Replay.seconds_to, hypervolume=0.99 * whole),
        lambda run: run.steps[-1].epochs,
    ]
    return (
        *(f"{_times_less(bases, runs, measure):.2f}x" for measure in spent),
        f"{median(len(run.stopped) for run in runs):g}",
        f"{median(run.steps[-1].hypervolume for run in runs) / whole:.1%}",
        _losses(pool, runs),
    )


def _times_less(
    bases: Sequence[Replay], runs: Sequence[Replay], spent: Callable[[Replay], float]
) -> float:
    """How many times less the runs spend, as a median; 0 where they never get there."""
    return median(spent(base) / spent(run) for base, run in zip(bases, runs, strict=True))


def _losses(pool: Pool, runs: Sequence[Replay]) -> str:
    """How many front members were stopped over all seeds, and which how often."""
    front = {curve.number for curve in pool.front}
    lost = Counter(c.number for run in runs for c in run.stopped if c.number in front)
    named = ", ".join(f"network {number} {count}x" for number, count in lost.most_common())
    return f"{lost.total()} in {len(runs)} seeds" + (f": {named}" if named else "")

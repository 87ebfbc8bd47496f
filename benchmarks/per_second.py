"""Whether `--per-second` finds more in the same time: simulated searches with and without it.

    python -m benchmarks.per_second [--table FILE] [--space NAME...]

A training's seconds are its cost to a power, times a factor of each network's own that the cost
does not tell. What a sampler is told of them is nothing, the part that follows the cost, or all.
Shares of the true front's hypervolume are compared at equal seconds, in units of the mean training.

Measured on 27 random networks of shufflenet.yaml (trash photos, 15 epochs, processor time of a busy
CPU): seconds go with MACs to the power 0.38, and networks differ from that by a factor of standard
deviation 0.17 in the logarithm. What `nas.search.durations` learns from 5, 10 and 20 of them errs
on the others by 0.19, 0.17 and 0.16: a real search learns the part that follows the cost, no more.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import click
import numpy as np
import optuna

from benchmarks.efficiency.draws import random_member
from benchmarks.efficiency.problem import Problem
from benchmarks.efficiency.runs import Source, problem_of
from benchmarks.efficiency.spaces.registry import SPACES
from benchmarks.efficiency.true_front import true_front
from benchmarks.hypervolume import Reference, Staircase
from benchmarks.program import Program
from nas.search.known_cost import KnownCostSampler
from nas.text_table import aligned

Seconds = Callable[[Mapping[str, Any]], float]
Ended = tuple[float, float, float]
"""Time of a training's end, the network's cost and its true mean metric."""
POWER = 0.5
"""Of the seconds over the cost: small networks are bound by memory, not by arithmetic."""
OWN_SD = 0.25
"""Of the logarithm of each network's own factor."""
SAMPLED = 500
"""Random networks whose mean training is the unit of time."""
TIMES = (5, 10, 20, 40)
TOLD = ("nothing", "part", "all")


@click.command(cls=Program)
@click.option("--table", type=click.Path(path_type=Path, exists=True), help="A table of networks.")
@click.option("--space", "spaces", multiple=True, type=click.Choice(list(SPACES)))
@click.option("--seeds", type=click.IntRange(1), default=10, help="Searches of each kind.")
def main(table: Path | None, spaces: tuple[str, ...], seeds: int) -> None:
    """Print the mean share of the hypervolume at each time, and of how many seeds it grew."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sources = [Source(space=name) for name in spaces]
    if table is not None:
        sources.insert(0, Source(table=table))
    if not sources:
        raise click.UsageError("give --table or --space")
    for source in sources:
        click.echo(compare(problem_of(source), seeds))


def compare(problem: Problem, seeds: int) -> str:
    """A table of one problem."""
    seconds = seconds_of(problem)
    told: dict[str, Seconds | None] = {
        "nothing": None,
        "part": lambda params: problem.cost(params) ** POWER,
        "all": seconds,
    }
    runs = {
        name: [search(problem, seconds, told[name], seed) for seed in range(seeds)] for name in TOLD
    }
    front = true_front(problem)
    rows: list[tuple[str, ...]] = [(problem.name, "time", *TOLD, "part: seeds that gained", "all")]
    for kind in ("nadir", "best-8"):
        reference = front.reference(kind)
        whole = front.hypervolume(reference)
        for time in TIMES:
            shares = {
                name: [hypervolume_at(time, run, reference) / whole for run in runs[name]]
                for name in TOLD
            }
            means = [f"{statistics.mean(shares[name]):.1%}" for name in TOLD]
            gained = [_gained(shares["nothing"], shares[name], seeds) for name in TOLD[1:]]
            rows.append((kind, str(time), *means, *gained))
    return "\n".join(aligned(rows, left=[0])) + "\n"


def _gained(before: Sequence[float], after: Sequence[float], seeds: int) -> str:
    return f"{sum(b > a for a, b in zip(before, after, strict=True))}/{seeds}"


def seconds_of(problem: Problem) -> Seconds:
    """Simulated seconds of a training; 1 is the mean of random networks."""

    def unscaled(params: Mapping[str, Any]) -> float:
        own = Random(repr(problem.key(params))).gauss(0, OWN_SD)
        return float(problem.cost(params) ** POWER * math.exp(own))

    generator = np.random.default_rng(0)
    members = [random_member(problem.define, generator) for _ in range(SAMPLED)]
    mean = statistics.mean(unscaled(item) for item in members if math.isfinite(problem.cost(item)))
    return lambda params: unscaled(params) / mean


def search(problem: Problem, seconds: Seconds, told: Seconds | None, seed: int) -> list[Ended]:
    """The trainings of one search, in order, until the last of `TIMES` is over."""
    sampler = KnownCostSampler(
        problem.cost, problem.define, key=problem.key, seconds=told, seed=seed
    )
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    generator, clock = np.random.default_rng(seed), 0.0
    ended: list[Ended] = []
    while clock < TIMES[-1]:
        trial = study.ask()
        problem.define(trial)
        params = trial.params
        clock += seconds(params)
        cost = problem.cost(params)
        study.tell(trial, [cost, problem.observe(params, generator)])
        ended.append((clock, cost, problem.metric(params)))
    return ended


def hypervolume_at(time: float, ended: Sequence[Ended], reference: Reference) -> float:
    """Hypervolume of the trainings that ended until then."""
    stairs = Staircase(reference)
    for clock, cost, metric in ended:
        if clock <= time:
            stairs.add(cost, metric)
    return stairs.hypervolume()


if __name__ == "__main__":
    main()

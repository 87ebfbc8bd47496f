"""Simulated studies, over seeds and processes."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import optuna

from benchmarks.efficiency.methods import METHODS
from benchmarks.efficiency.problem import Problem
from benchmarks.efficiency.simulation import Simulation, Trace
from benchmarks.efficiency.spaces.registry import SPACES
from benchmarks.efficiency.table import load_table


@dataclass(frozen=True)
class Source:
    """Where a problem comes from; unlike the problem it can be sent to another process."""

    table: Path | None = None
    space: str = ""
    """Name of a synthetic one, if it is no table."""
    noisy: bool = False
    """Whether a table's single trainings are observed."""


@cache
def problem_of(source: Source) -> Problem:
    """The problem, once a process."""
    if source.table is None:
        return SPACES[source.space]()
    return load_table(source.table, noisy=source.noisy)


@dataclass(frozen=True)
class Run:
    """One study to simulate."""

    source: Source
    method: str
    seed: int
    evaluations: int
    running: int
    """Trials at a time, of a parallel method."""


def trace_of(run: Run) -> Trace:
    """Simulate it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    method = METHODS[run.method]
    simulation = Simulation(problem_of(run.source), method, run.seed)
    return simulation.run(run.evaluations, run.running if method.parallel else 1)


def traces_of(runs: Sequence[Run], jobs: int) -> Iterator[Trace]:
    """In the order of the runs, in that many processes of one thread each."""
    if jobs == 1:
        yield from map(trace_of, runs)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(trace_of, runs)

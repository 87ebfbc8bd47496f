"""Seconds that a sampler takes to ask when a study has many trials."""

import time
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.samplers import RandomSampler

from benchmarks.efficiency.methods import METHODS, CategoricalTrial, Method, build_sampler
from benchmarks.efficiency.problem import Problem

ASKS = 5


@dataclass(frozen=True)
class AskTime:
    """Of one ask, in seconds."""

    processor: float
    wall: float
    """Longer than the processor time on a busy machine."""


def ask_times(problem: Problem, name: str, trials: int) -> list[AskTime]:
    """Of each of five asks behind so many random trials, each told before the next.

    The first is that of a worker that joins the study: it reads all trials, and what is done once a
    process comes on top.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    generator, method = np.random.default_rng(0), METHODS[name]
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=RandomSampler(seed=0))
    for _ in range(trials):
        _tell(study, _ask(study, problem, method), problem, generator)
    study.sampler = build_sampler(method, problem, 0)
    times = []
    for _ in range(ASKS):
        processor, wall = time.process_time(), time.perf_counter()
        trial = _ask(study, problem, method)
        times.append(AskTime(time.process_time() - processor, time.perf_counter() - wall))
        _tell(study, trial, problem, generator)
    return times


def _ask(study: optuna.Study, problem: Problem, method: Method) -> optuna.Trial:
    trial = study.ask()
    problem.define(CategoricalTrial(trial) if method.categorical else trial)
    return trial


def _tell(
    study: optuna.Study, trial: optuna.Trial, problem: Problem, generator: np.random.Generator
) -> None:
    study.tell(trial, [problem.cost(trial.params), problem.observe(trial.params, generator)])

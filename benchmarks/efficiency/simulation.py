"""A study of one method on one problem: looked up instead of trained."""

import heapq
import math
import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from benchmarks.efficiency.draws import random_member
from benchmarks.efficiency.methods import CategoricalTrial, Method, build_sampler
from benchmarks.efficiency.problem import Problem

MOST_REFUSED = 15
"""Proposals refused in a row before a new network is drawn at random."""
MOST_RANDOM = 2_000
"""Random draws without a new network after which the space counts as exhausted."""


@dataclass
class Trace:
    """What a study did."""

    points: list[tuple[float, float]] = field(default_factory=list)
    """Cost and true mean metric of each evaluation, in the order of their ends."""
    proposals: int = 0
    """By the sampler; random ones in place of refused ones are left out."""
    repeats: int = 0
    """Proposals whose network an earlier trial has."""
    ask_seconds: float = 0.0
    """Processor time of all proposals, drawing their parameters included."""


class Simulation:
    """A running study."""

    def __init__(self, problem: Problem, method: Method, seed: int) -> None:
        self.problem = problem
        self.method = method
        self.generator = np.random.default_rng(seed)
        self.study = optuna.create_study(
            directions=["minimize", "maximize"], sampler=build_sampler(method, problem, seed)
        )
        self.trace = Trace()
        self.known: dict[Hashable, float | None] = {}
        """Observed metric of each network that was begun; None while it runs."""

    def run(self, evaluations: int, running: int) -> Trace:
        """Evaluate so many, `running` at a time; fewer if no new network is left.

        A training takes 0.5 to 1.5 units of time, so that trials end in another order than begun.
        """
        clock, begun, pending = 0.0, 0, list[tuple[float, int, optuna.Trial]]()
        while True:
            while len(pending) < running and begun < evaluations:
                trial = self._next()
                if trial is None:
                    evaluations = begun
                    break
                end = clock + self.generator.uniform(0.5, 1.5)
                heapq.heappush(pending, (end, trial.number, trial))
                begun += 1
            if not pending:
                return self.trace
            clock, _, trial = heapq.heappop(pending)
            self._finish(trial)

    def _next(self) -> optuna.Trial | None:
        """A trial to evaluate; None if no new network is left."""
        for _ in range(MOST_REFUSED):
            trial = self._ask()
            params = trial.params
            if not math.isfinite(self.problem.cost(params)):
                self.study.tell(trial, state=TrialState.FAIL)
                continue
            key = self.problem.key(params)
            if key in self.known:
                self.trace.repeats += 1
                if not self.method.repeats:
                    self._refuse(trial, self.known[key])
                    continue
            self.known.setdefault(key, None)
            return trial
        return self._random()

    def _ask(self) -> optuna.Trial:
        start = time.process_time()
        trial = self.study.ask()
        self.problem.define(CategoricalTrial(trial) if self.method.categorical else trial)
        self.trace.ask_seconds += time.process_time() - start
        self.trace.proposals += 1
        return trial

    def _refuse(self, trial: optuna.Trial, observed: float | None) -> None:
        """End a trial whose network another has: with its result if that is known."""
        if observed is None:
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            self.study.tell(trial, [self.problem.cost(trial.params), observed])

    def _random(self) -> optuna.Trial | None:
        """A trial with a network drawn at random that no trial has."""
        for _ in range(MOST_RANDOM):
            params: dict[str, Any] = random_member(self.problem.define, self.generator)
            key = self.problem.key(params)
            if key not in self.known and math.isfinite(self.problem.cost(params)):
                self.study.enqueue_trial(params)
                trial = self.study.ask()
                self.problem.define(CategoricalTrial(trial) if self.method.categorical else trial)
                self.known[key] = None
                return trial
        return None

    def _finish(self, trial: optuna.Trial) -> None:
        params = trial.params
        observed = self.problem.observe(params, self.generator)
        self.known[self.problem.key(params)] = observed
        self.study.tell(trial, [self.problem.cost(params), observed])
        self.trace.points.append((self.problem.cost(params), self.problem.metric(params)))

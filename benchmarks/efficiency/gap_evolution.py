"""Evolution that fills the widest gap of the front by cost: what a few lines can do.

The simplest use of a cost that is known beforehand, as a bar for cleverer ones.
"""

from collections.abc import Mapping
from math import isfinite, log
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from benchmarks.efficiency.draws import PinnedTrial, random_member
from benchmarks.efficiency.problem import Problem
from benchmarks.hypervolume import undominated

FIRST = 8
"""Networks to begin with, evenly over the range of log-cost."""
DRAWN = 300
"""Random networks that show the range."""
TRIES = 50
"""Mutants among which one in the gap is looked for."""


class GapEvolutionSampler(BaseSampler):
    """Mutates a member of the front beside the widest gap, in log-cost, into that gap."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self.problem = problem
        self.generator = np.random.default_rng(seed)
        self.params: dict[str, Any] = {}
        draws = [random_member(problem.define, self.generator) for _ in range(DRAWN)]
        self.drawn = sorted(
            ((log(c), d) for c, d in ((problem.cost(d), d) for d in draws) if isfinite(c)),
            key=lambda pair: pair[0],
        )

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """None: parameters are handed out one by one, as the space asks for them."""
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        self.params = self._mutant(done) if len(done) >= FIRST else self._first(len(done))
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """What the network in mind has."""
        return self.params[param_name]

    def _first(self, place: int) -> dict[str, Any]:
        """The draw nearest to the next of evenly spread costs."""
        low, high = self.drawn[0][0], self.drawn[-1][0]
        aim = low + (high - low) * place / (FIRST - 1)
        return min(self.drawn, key=lambda pair: abs(pair[0] - aim))[1]

    def _mutant(self, done: list[FrozenTrial]) -> dict[str, Any]:
        """A new network whose cost lies in the gap, or else nearest to it."""
        places = undominated([trial.values[0] for trial in done], [t.values[1] for t in done])
        front = [done[place] for place in places]
        low, high, parents = self._gap(front)
        known = {self.problem.key(trial.params) for trial in done}
        best, distance = random_member(self.problem.define, self.generator), np.inf
        for _ in range(TRIES):
            mutant = self._mutate(parents[int(self.generator.integers(len(parents)))].params)
            cost = self.problem.cost(mutant)
            if not isfinite(cost) or self.problem.key(mutant) in known:
                continue
            away = max(low - log(cost), log(cost) - high, 0.0)
            if away < distance:
                best, distance = mutant, away
            if away == 0:
                return mutant
        return best

    def _gap(self, front: list[FrozenTrial]) -> tuple[float, float, list[FrozenTrial]]:
        """Ends of a gap in log-cost, drawn by its width, and the members at its ends.

        Beyond the last members there are gaps, too: to the ends of the range that was drawn.
        """
        costs = [log(trial.values[0]) for trial in front]
        ends = np.array(
            [min(costs[0], self.drawn[0][0]), *costs, max(costs[-1], self.drawn[-1][0])]
        )
        widths = np.diff(ends) + 0.02 * (ends[-1] - ends[0])
        place = int(self.generator.choice(len(widths), p=widths / widths.sum()))
        low, high = float(ends[place]), float(ends[place + 1])
        return low, high, front[max(place - 1, 0) : place + 1]

    def _mutate(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """One parameter at least is drawn anew, each of them with a chance of 1.5 in all."""
        drop = self.generator.random(len(params)) < 1.5 / len(params)
        drop[int(self.generator.integers(len(params)))] = True
        kept = {name: params[name] for name, gone in zip(params, drop, strict=True) if not gone}
        trial = PinnedTrial(self.generator, kept)
        self.problem.define(trial)
        return trial.params

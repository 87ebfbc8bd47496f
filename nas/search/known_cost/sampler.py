"""An Optuna sampler for a cost that is known of every candidate and a metric that is measured."""

from collections.abc import Callable, Hashable, Mapping
from threading import Lock
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from nas.search.known_cost.acquisition import AREAS, acquisition_of
from nas.search.known_cost.history import History, HistoryReader
from nas.search.known_cost.members import Member, Params, Registry, key_of
from nas.search.known_cost.metric_model import FittedMetric, MetricModel, Observed
from nas.search.known_cost.pool import OPENING_TRIALS, Drawer, Pool, opening_member
from nas.search.known_cost.replay import SpaceFunction, function_of

FIRST_DRAWS = 400
UNIFORM_DRAWS = 50
OFFSPRING = 150
REFINED = 50
"""Mutants of the best candidates."""
BEST = 8
KEPT = 1000
"""Candidates that are looked at again for the next trial."""


class KnownCostSampler(BaseSampler):
    """Proposes what is expected to add most to the front of known cost and measured metric.

    `cost` gives the cost of a complete set of parameters, above 0; math.inf for one that must not
    be proposed. `space` is a define-by-run function, called with what has a trial's `suggest_`
    methods, or fixed distributions; without it, those that all trials share, as in other samplers.
    Sets of parameters with one `key` are the same; while others are left none is proposed again,
    that of a failed trial only where `retry` says so. While there are any, none cheaper than
    `least_cost` is proposed. `noise_sd` is known error of a trial's
    metric, beyond the noise that is estimated. With `seconds`, of a set of parameters, what is
    added per second counts. `cost_index` is the objective that is the cost, `metric_index` the one
    that is the metric, by default the other one of two; further objectives are not looked at.
    `best_value` is what the metric can't exceed, None if there is no such thing.
    """

    def __init__(
        self,
        cost: Callable[[Params], float],
        space: SpaceFunction | Mapping[str, BaseDistribution] | None = None,
        *,
        key: Callable[[Params], Hashable] | None = None,
        noise_sd: Callable[[FrozenTrial], float] | None = None,
        seconds: Callable[[Params], float] | None = None,
        retry: Callable[[FrozenTrial], bool] | None = None,
        cost_index: int = 0,
        metric_index: int | None = None,
        best_value: float | None = 1.0,
        least_cost: float = 0.0,
        seed: int | None = None,
    ) -> None:
        if metric_index is None and cost_index not in (0, 1):
            raise ValueError(f"cost_index {cost_index}; allowed are 0 and 1")
        self._of_two = metric_index is None
        metric_index = 1 - cost_index if metric_index is None else metric_index
        self._space = space
        self._seconds = seconds
        self._cost_index = cost_index
        self._metric_index = metric_index
        self._registry = Registry(cost, key or key_of)
        self._reader = HistoryReader(self._registry, noise_sd, retry, metric_index)
        self._model = MetricModel(best_value)
        self._least_cost = least_cost
        self._pool = Pool(least_cost)
        self._generator = np.random.default_rng(seed)
        self._independent = RandomSampler(seed=seed)
        self._intersection = IntersectionSearchSpace()
        self._proposed: dict[int, Member] = {}
        self._lock = Lock()

    def reseed_rng(self) -> None:
        self._generator = np.random.default_rng()
        self._independent.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters of the proposal, which is made here: which there are depends on it."""
        self._check(study)
        space = self._space_function(study)
        if space is None:
            return {}
        with self._lock:
            member = self._propose(study, trial, space)
            if member is None:
                return {}
            self._proposed[trial.number] = member
        return member.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return dict(self._proposed[trial.number].params) if search_space else {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _check(self, study: Study) -> None:
        """Raises ValueError for a study that has not a cost that falls and one metric."""
        count = len(study.directions)
        wrong = count != 2 if self._of_two else max(self._cost_index, self._metric_index) >= count
        if wrong or study.directions[self._cost_index] != StudyDirection.MINIMIZE:
            names = [direction.name.lower() for direction in study.directions]
            raise ValueError(
                f"a study with the directions {names}: KnownCostSampler needs two objectives, of "
                f"which number {self._cost_index} is the cost and is minimized"
            )

    def _space_function(self, study: Study) -> SpaceFunction | None:
        if callable(self._space):
            return self._space
        fixed = self._intersection.calculate(study) if self._space is None else self._space
        return function_of(fixed) if fixed else None

    def _propose(self, study: Study, trial: FrozenTrial, space: SpaceFunction) -> Member | None:
        """The next member; None if no new one was found."""
        maximize = study.directions[self._metric_index] == StudyDirection.MAXIMIZE
        others = [item for item in study.get_trials(deepcopy=False) if item.number != trial.number]
        history = self._reader.read(others, space, maximize, self._proposed)
        fixed = trial.system_attrs.get("fixed_params", {})
        pool = Pool(self._least_cost) if fixed else self._pool
        drawer = Drawer(space, self._registry, self._generator, fixed)
        self._fill(pool, history, drawer)
        if not len(pool) and self._least_cost:
            pool = Pool()
            self._fill(pool, history, drawer)
        if not len(pool):
            return None
        if len(history.tried) < OPENING_TRIALS or len(history.members) < 2:
            return opening_member(pool.members, history.tried, self._registry, self._generator)
        return self._best(history, pool, drawer)

    def _fill(self, pool: Pool, history: History, drawer: Drawer) -> None:
        """Drop what was tried, add new candidates."""
        pool.drop(history.taken)
        draws = UNIFORM_DRAWS if len(pool) else FIRST_DRAWS
        pool.add((drawer.uniform() for _ in range(draws)), history.taken)
        if not len(pool) and history.tried:
            pool.add(drawer.offspring(history.tried, FIRST_DRAWS), history.taken)

    def _best(self, history: History, pool: Pool, drawer: Drawer) -> Member:
        """The candidate that is expected to add most."""
        fitted = self._fitted(history)
        area = AREAS[len(history.tried) % len(AREAS)]
        acquisition, front = acquisition_of(
            fitted, history, pool.members, self._registry, self._seconds, area
        )
        pool.add(drawer.offspring(front, OFFSPRING), history.taken)
        gains_M = acquisition.gains(pool.members)
        best = pool.keep_best(gains_M, KEPT)
        fresh = pool.add(drawer.offspring(best[:BEST], REFINED), history.taken)
        top = float(gains_M.max())
        if fresh:
            more_M = acquisition.gains(fresh)
            if more_M.max() > top:
                return fresh[int(np.argmax(more_M))]
        return best[0]

    def _fitted(self, history: History) -> FittedMetric:
        vectors_MD, log_costs_M = self._registry.arrays(history.members)
        observed = Observed(
            vectors_MD, log_costs_M, np.array(history.values), np.array(history.noise_sds)
        )
        fitted = self._model.fit(observed, self._registry.encoder.columns)
        return fitted.condition_on(*self._registry.arrays(history.pending))

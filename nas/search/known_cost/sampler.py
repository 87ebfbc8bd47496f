"""An Optuna sampler for a cost that is known of every candidate and a metric that is measured."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.random import SeedSequence
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from nas.search.known_cost.acquisition import AREAS, acquisition_of
from nas.search.known_cost.history import History, HistoryReader
from nas.search.known_cost.members import Member, Params, Registry, key_of
from nas.search.known_cost.metric_model import MOST_MEMBERS, MetricModel, Observed
from nas.search.known_cost.pool import (
    OPENING_TRIALS,
    UNIFORM_DRAWS,
    Drawer,
    Pool,
    opening_member,
)
from nas.search.known_cost.replay import SpaceFunction, function_of

SHARED_BY = 25
"""Proposals in a row that share uniform draws."""
OFFSPRING = 120
"""Mutants and children of the front."""
REFINED, REFINEMENTS = 40, 2
"""Those of the best candidates, and how often."""
BEST = 8
KEPT = 1000
"""Candidates that are looked at."""


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
    that is the metric, by default the other one of two; further objectives are not looked at. A
    study may also have the metric alone.
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
        self._cost, self._key = cost, key or key_of
        self._noise_sd, self._retry = noise_sd, retry
        self._seconds = seconds
        self._cost_index = cost_index
        self._metric_index = metric_index
        self._best_value = best_value
        self._least_cost = least_cost
        self._seed = SeedSequence(seed).entropy
        self._independent = RandomSampler(seed=seed)
        self._studies: WeakKeyDictionary[Study, _Known] = WeakKeyDictionary()
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Without what is known of studies, which is read from their trials again."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_studies", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _studies=WeakKeyDictionary(), _lock=Lock())

    def reseed_rng(self) -> None:
        self._seed = SeedSequence().entropy
        self._independent.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters of the proposal, which is made here: which there are depends on it."""
        self._check(study)
        with self._lock:
            known = self._known(study)
            space = self._space_function(study, known)
            member = None if space is None else self._propose(study, trial, space, known)
            if member is None:
                return {}
            known.proposed[trial.number] = member
        return dict(member.distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What was proposed, of these parameters: who wraps this sampler may ask for fewer."""
        if not search_space:
            return {}
        with self._lock:
            known = self._known(study)
            member = known.proposed.get(trial.number)
            if member is None:  # asked for without a proposal
                member = self._propose(study, trial, function_of(search_space), known)
            elif search_space.keys() != member.distributions.keys():
                del known.proposed[trial.number]  # the others get values that nobody knows here
        params = {} if member is None else member.params
        return {name: params[name] for name in search_space if name in params}

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
        if count == 1 and self._of_two:
            return
        wrong = count != 2 if self._of_two else max(self._cost_index, self._metric_index) >= count
        if wrong or study.directions[self._cost_index] != StudyDirection.MINIMIZE:
            names = [direction.name.lower() for direction in study.directions]
            raise ValueError(
                f"a study with the directions {names}: KnownCostSampler needs two objectives, of "
                f"which number {self._cost_index} is the cost and is minimized, or the metric alone"
            )

    def _known(self, study: Study) -> "_Known":
        if study not in self._studies:
            metric_index = 0 if len(study.directions) == 1 else self._metric_index
            registry = Registry(self._cost, self._key)
            reader = HistoryReader(registry, self._noise_sd, self._retry, metric_index)
            maximize = study.directions[metric_index] == StudyDirection.MAXIMIZE
            self._studies[study] = _Known(registry, reader, MetricModel(self._best_value), maximize)
        return self._studies[study]

    def _space_function(self, study: Study, known: "_Known") -> SpaceFunction | None:
        if callable(self._space):
            return self._space
        fixed = known.intersection.calculate(study) if self._space is None else self._space
        return function_of(fixed) if fixed else None

    def _propose(
        self, study: Study, trial: FrozenTrial, space: SpaceFunction, known: "_Known"
    ) -> Member | None:
        """The next member; None if no new one was found.

        It follows from the seed and from the trials before alone: whoever asks, a copy of the
        sampler, or the same after an interruption, comes to the same.
        """
        trials = study.get_trials(deepcopy=False)
        history = known.reader.read(trials, trial.number, space, known.maximize, known.proposed)
        generator = self._generator(0, history.index)
        registry = known.registry.copy()
        fixed = trial.system_attrs.get("fixed_params", {})
        drawer = Drawer(space, registry, generator, fixed)
        if fixed or self._space is None:
            drawn = drawer.uniform(UNIFORM_DRAWS)
        else:
            drawn = self._drawn(history.index // SHARED_BY, space, known)
            for member in drawn:
                registry.take_in(member)
        pool = drawer.pool(drawn, history.tried, history.taken, self._least_cost)
        if not len(pool):
            return None
        if len(history.tried) < OPENING_TRIALS or len(history.members) < 2:
            return opening_member(pool.members, history.tried, registry, generator)
        return self._best(history, pool, drawer, registry, known)

    def _generator(self, use: int, number: int) -> np.random.Generator:
        return np.random.default_rng(SeedSequence(self._seed, spawn_key=(use, number)))

    def _drawn(self, block: int, space: SpaceFunction, known: "_Known") -> list[Member]:
        """The uniform draws that several proposals in a row choose among."""
        if block not in known.drawn:
            registry = Registry(self._cost, self._key)
            drawer = Drawer(space, registry, self._generator(1, block), {})
            known.drawn.clear()
            known.drawn[block] = drawer.uniform(UNIFORM_DRAWS)
        return known.drawn[block]

    def _best(
        self, history: History, pool: Pool, drawer: Drawer, registry: Registry, known: "_Known"
    ) -> Member:
        """The candidate that is expected to add most."""
        observed = _observed(history, known.registry)
        learned = known.model.learn(observed, known.registry.encoder.columns)
        area = AREAS[len(history.tried) % len(AREAS)]
        history = history.only(known.model.representatives(observed, MOST_MEMBERS).tolist())
        columns = registry.encoder.columns
        fitted = known.model.fit(_observed(history, registry), columns, learned)
        fitted = fitted.condition_on(*registry.arrays(history.pending))
        acquisition, front = acquisition_of(
            fitted, history, pool.members, registry, self._seconds, area
        )
        pool.add(drawer.offspring(front, OFFSPRING), history.taken)
        gains_M = acquisition.gains(pool.members)
        for _ in range(REFINEMENTS):
            best = pool.keep_best(gains_M, KEPT)
            fresh = pool.add(drawer.offspring(best[:BEST], REFINED), history.taken)
            gains_M = np.sort(-gains_M, kind="stable")[:KEPT] * -1
            if fresh:
                gains_M = np.append(gains_M, acquisition.gains(fresh))
        return pool.members[int(np.argmax(gains_M))]


@dataclass(frozen=True)
class _Known:
    """What is known of one study, all of it read from its trials."""

    registry: Registry
    """The members that trials have."""
    reader: HistoryReader
    model: MetricModel
    maximize: bool
    intersection: IntersectionSearchSpace = field(default_factory=IntersectionSearchSpace)
    proposed: dict[int, Member] = field(default_factory=dict)
    """What running trials were told."""
    drawn: dict[int, list[Member]] = field(default_factory=dict)
    """The last uniform draws, by the number of their block."""


def _observed(history: History, registry: Registry) -> Observed:
    vectors_MD, log_costs_M = registry.arrays(history.members)
    return Observed(vectors_MD, log_costs_M, np.array(history.values), np.array(history.noise_sds))

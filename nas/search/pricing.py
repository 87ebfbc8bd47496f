"""Costs of the networks of a space by their parameters, fast enough for thousands of them."""

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Generic, TypeVar

from optuna.distributions import BaseDistribution

from blocks import Cost, Shape, pyramid_shape
from nas.macs.architecture import step_cost
from nas.model.identity import hash_of_texts, step_text
from nas.search.known_cost.replay import Replay
from nas.search.objective import CountedNetwork, Objectives
from nas.spec.budget import BudgetSpec
from nas.spec.definition import InputSpec, head_layers
from nas.spec.domain import Trial
from nas.spec.layers import LayerSpec, Step, walk
from nas.spec.pyramid import out_indices
from nas.spec.space import SpaceSpec
from nas.spec.template import LayerTemplate, State
from nas.spec.trial import GivenTrial
from nas.tasks.registry import task_of

Result = TypeVar("Result")


class Remembered(Generic[Result]):
    """Draws what `draw` does and asks a trial the same, but calls `draw` for new values only.

    `draw` must depend on nothing but the values that the trial suggests.
    """

    def __init__(self, draw: Callable[[Trial], Result]) -> None:
        self.draw = draw
        self._first: _Question | _Answer | None = None

    def __call__(self, trial: Trial) -> Result:
        known: dict[str, Any] = {}
        node = self._first
        while type(node) is _Question:
            known[node.arguments[0]] = value = node.ask(trial)
            node = node.following.get(value)
        if type(node) is _Answer:
            result: Result = node.result
            return result
        recorder = _Recorder(trial, known)
        result = self.draw(recorder)
        self._keep(recorder.asked, result)
        return result

    def _keep(self, asked: "list[tuple[_Question, Hashable]]", result: Result) -> None:
        if not asked:
            self._first = _Answer(result)
            return
        question = self._first if type(self._first) is _Question else asked[0][0]
        self._first = question
        for (_, value), (new, _) in pairwise(asked):
            following = question.following.setdefault(value, new)
            assert type(following) is _Question, "the draw does not follow from the values alone"
            question = following
        question.following[asked[-1][1]] = _Answer(result)


@dataclass(slots=True)
class _Question:
    """One call of a `suggest_` method, and what followed each value that it gave."""

    method: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    following: "dict[Hashable, _Question | _Answer]" = field(default_factory=dict)
    distribution: BaseDistribution | None = None
    """What it came to where it was asked of a sampler's own trial, which can be asked by it."""

    def ask(self, trial: Trial) -> Any:
        if type(trial) is not Replay:
            return getattr(trial, self.method)(*self.arguments, **self.keywords)
        name = self.arguments[0]
        if self.distribution is None:
            getattr(trial, self.method)(*self.arguments, **self.keywords)
            self.distribution = trial.distributions[name]
        return trial.suggest(name, self.distribution)


@dataclass(slots=True)
class _Answer:
    result: Any


class _Recorder:
    """Asks a trial for what is not `known` yet, and writes down every question and value."""

    def __init__(self, trial: Trial, known: dict[str, Any]) -> None:
        self.trial = trial
        self.known = known
        self.asked: list[tuple[_Question, Hashable]] = []

    @property
    def number(self) -> int:
        return self.trial.number

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._ask(_Question("suggest_categorical", (name, choices), {}))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        value: int = self._ask(_Question("suggest_int", (name, low, high), {"step": step}))
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        value: float = self._ask(_Question("suggest_float", (name, low, high), {"step": step}))
        return value

    def _ask(self, question: _Question) -> Any:
        name = question.arguments[0]
        if name not in self.known:
            self.known[name] = question.ask(self.trial)
        self.asked.append((question, self.known[name]))
        return self.known[name]


MAX_PARTS = 20_000
"""Layers with their cost that are remembered, about 3 kB each."""
MAX_NETWORKS = 5_000
"""Networks that are remembered by their parameters."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one written layer is in a network."""

    layer: LayerSpec | None
    after: State
    """What it puts out."""
    cost: Cost
    text: str
    """Its share of the architecture's hash."""


@dataclass(frozen=True)
class Priced(CountedNetwork):
    """A network and its cost; equal parameters give equal ones."""

    excess: float
    """How far over the budget, relative to it; at most 0 within."""
    texts: tuple[str, ...]

    @cached_property
    def key(self) -> str:
        """The architecture's hash."""
        return hash_of_texts(self.architecture, self.texts)


class PricedSpace:
    """The members of a space as `SpaceSpec.sample` draws them, their layers drawn and priced once.

    A network is a chain of layers, and a layer follows from what comes in and from the parameters
    that it asks for: each such layer is made, counted and described for the hash once.
    """

    def __init__(
        self, space: SpaceSpec, budget: BudgetSpec, objectives: Objectives | None = None
    ) -> None:
        """`objectives` None are MACs and the metric of the space's task."""
        self.space = space
        self.budget = budget
        metric = task_of(space).primary_metric
        self.objectives = objectives or Objectives.of(metric, budget=budget)
        self._sizes = Remembered(space.input.sample)
        self._depths = Remembered(space.sample_depth)
        self._necks = Remembered(space.sample_neck)
        self._layers: dict[tuple[int, State], Remembered[Part]] = {}
        self._heads: dict[tuple[Shape, LayerSpec | None], tuple[Cost, str]] = {}
        self._parts = 0
        self._networks: dict[tuple[tuple[str, Any], ...], Priced] = {}

    def draw(self, trial: Trial) -> Priced:
        """The network that a trial draws."""
        size = self._sizes(trial)
        state = State(size.shape, size.channels)
        parts = []
        for index in range(self._depths(trial)):
            part = self._layer(index, state)(trial)
            parts.append(part)
            state = part.after
        network = self._priced(trial.number, size, parts, self._necks(trial))
        if type(trial) is Replay:  # a sampler's own: it asks what the network costs next
            return self._remember(tuple(trial.params.items()), network)
        return network

    def priced(self, params: Mapping[str, Any]) -> Priced:
        """The network of a complete set of parameters. Raises KeyError if one is missing."""
        key = tuple(params.items())
        known = self._networks.get(key)
        return self._remember(key, self.draw(GivenTrial(params))) if known is None else known

    def _remember(self, key: tuple[tuple[str, Any], ...], network: Priced) -> Priced:
        if len(self._networks) >= MAX_NETWORKS:
            self._networks.clear()
        return self._networks.setdefault(key, network)

    def cost(self, params: Mapping[str, Any]) -> float:
        """The cost of the network of the parameters by which networks are ordered,
        by default its MACs; infinite over the budget."""
        priced = self.priced(params)
        return math.inf if priced.excess > 0 else float(self.objectives.axis_of(priced))

    def key(self, params: Mapping[str, Any]) -> str:
        """The architecture's hash, equal for parameters of the same network."""
        return self.priced(params).key

    def _layer(self, index: int, state: State) -> Remembered[Part]:
        found = self._layers.get((index, state))
        if found is None:
            template = self.space.layers[index]
            found = Remembered(lambda trial: self._part(template, trial, state))
            self._layers[index, state] = found
        return found

    def _part(self, template: LayerTemplate, trial: Trial, state: State) -> Part:
        if self._parts >= MAX_PARTS:
            self._layers.clear()
            self._parts = 0
        self._parts += 1
        layer, after = template.sample(trial, state)
        cost, text = _described(() if layer is None else (layer,), state.shape)
        return Part(layer, after, cost, text)

    def _head(self, features: Shape, neck: LayerSpec | None) -> tuple[Cost, str]:
        if (features, neck) not in self._heads:
            if len(self._heads) >= MAX_PARTS:
                self._heads.clear()
            layers = head_layers(self.space.head, features, len(self.space.classes), neck)
            self._heads[features, neck] = _described(layers, features)
        return self._heads[features, neck]

    def _priced(
        self, number: int, size: InputSpec, parts: list[Part], neck: LayerSpec | None
    ) -> Priced:
        shapes = [part.after.shape for part in parts]
        features = shapes[-1]
        if neck is not None:
            features = pyramid_shape(shapes[i] for i in out_indices(shapes, size.shape))
        cost, text = self._head(features, neck)
        costs = [cost, *(part.cost for part in parts)]
        cost = Cost(
            sum(each.macs for each in costs),
            sum(each.parameters for each in costs),
            sum(each.convolution_outputs for each in costs),
        )
        member = self.space.member(number, size, [part.layer for part in parts if part.layer], neck)
        network = CountedNetwork(member, cost)
        bounded = self.objectives.count_bounded(network)
        excess = self.budget.excess(cost.macs, cost.parameters, bounded)
        return Priced(member, cost, excess, (*(part.text for part in parts), text))


def _described(layers: tuple[LayerSpec, ...], in_shape: Shape) -> tuple[Cost, str]:
    """The cost of some layers in a row, and their share of the hash."""
    total, texts = Cost(), []
    before: Step | None = None
    for step in walk(layers, in_shape):
        if before is None or step.config is not before.config or step.in_shape != before.in_shape:
            cost, text = step_cost(step), step_text([step])  # else a copy of the one before
        total += cost
        texts.append(text)
        before = step
    return total, ", ".join(texts)

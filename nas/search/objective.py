"""What a search makes small or large: costs by name, and the task's primary metric."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import torch
from torch import nn

from blocks import Cost
from nas.errors import NasError, did_you_mean
from nas.macs.architecture import device_memory
from nas.macs.memory import DeviceMemory
from nas.runs.costs import MACS, MACS_KIND, PARAMETERS, PARAMETERS_KIND, CostKind
from nas.runs.records import is_trial_column
from nas.spec.budget import BudgetSpec, Precision
from nas.spec.definition import ArchitectureSpec
from nas.spec.search import DEFAULT_OBJECTIVES, METRIC_OBJECTIVE
from nas.tasks.base import Metrics

Direction = Literal["minimize", "maximize"]
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KEY = "search.objectives"
_ALWAYS = (MACS, PARAMETERS)
"""Counted of every network."""


@dataclass(frozen=True)
class CountedNetwork:
    """A network before its training: what an objective that is known by then is computed from."""

    architecture: ArchitectureSpec
    cost: Cost
    """Its multiply-adds, parameters and convolution outputs."""

    @cached_property
    def memory(self) -> DeviceMemory:
        """What it takes on a device."""
        return device_memory(self.architecture)


@dataclass(frozen=True, eq=False)
class TrainedCandidate:
    """A network after its training: what an objective that is measured by then is measured on."""

    architecture: ArchitectureSpec
    network: nn.Module
    """In eval mode, on `device`; with the weights of its best epoch, or as it was stopped early."""
    device: torch.device


@dataclass(frozen=True)
class Objective:
    """A number of each network that a search makes small, or large.

    `known` says when it is known, and with it what `value` is called with:

    - `before`: of the architecture alone, a `CountedNetwork`. Thousands of candidates are asked
      for it, before any is trained; only such an objective can be bounded by the budget.
    - `training`: of the validation split's `Metrics`, after the best epoch (of a training that was
      stopped early: the last one).
    - `after`: of the trained network, a `TrainedCandidate`, in the process that trained it.
    """

    name: str
    """Its key in `--objectives` and its column in `trials.csv`: `peak_activation_bytes`."""
    value: Callable[[Any], float]
    known: Literal["before", "training", "after"] = "before"
    title: str = ""
    """In prose; by default the name."""
    unit: str = ""
    direction: Direction = "minimize"
    description: str = ""
    """What it is, in a few words, at the axes of pictures."""

    @property
    def kind(self) -> CostKind:
        """How it is called in tables and pictures."""
        title = self.title or self.name.replace("_", " ")
        return CostKind(self.name, title, self.unit, self.description)

    @property
    def sign(self) -> int:
        """1 where less is better, -1 where more is."""
        return 1 if self.direction == "minimize" else -1

    def of(self, subject: Any) -> float:
        """The value of a network. Raises NasError where the function gives no finite number."""
        value = self.value(subject)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NasError(f"the objective {self.name} gave {value!r}, not an int or a float")
        if not math.isfinite(value):
            raise NasError(f"the objective {self.name} gave {value}, not a finite number")
        return value


_REGISTERED: dict[str, Objective] = {}


def register_objective(objective: Objective) -> Objective:
    """The objective itself, which `--objectives` and a budget may name from now on.

    Raises ValueError for a name that is taken, or that can't be the name of a column.
    """
    name = objective.name
    if name in _REGISTERED:
        raise ValueError(f"objective {name!r} is registered already: {_REGISTERED[name]}")
    if name not in (MACS, PARAMETERS) and is_trial_column(name):
        raise ValueError(f"objective {name!r}: trials.csv has a column of this name")
    if not _NAME.fullmatch(name) or name == METRIC_OBJECTIVE:
        raise ValueError(f"objective {name!r}: a name is small letters, digits and underscores")
    _REGISTERED[name] = objective
    return objective


MACS_OBJECTIVE = register_objective(
    Objective(
        MACS,
        lambda network: network.cost.macs,
        title=MACS_KIND.title,
        description=MACS_KIND.description,
    )
)
register_objective(
    Objective(PARAMETERS, lambda network: network.cost.parameters, title=PARAMETERS_KIND.title)
)


def _memory_objective(place: Literal["flash", "ram"], precision: Precision) -> Objective:
    """Bytes that a network takes on a device, as `nas.macs.memory.DeviceMemory` defines them."""

    def of(network: CountedNetwork) -> int:
        value: int = getattr(network.memory, f"{place}_{precision}")
        return value

    return Objective(
        f"{place}_{precision}_bytes",
        of,
        title="flash for weights" if place == "flash" else "RAM for activations",
        unit="bytes",
        description=f"{'weights' if place == 'flash' else 'activations'} at {precision}",
    )


_PLACES: tuple[Literal["flash", "ram"], ...] = ("flash", "ram")
for _place in _PLACES:
    for _precision in get_args(Precision):
        register_objective(_memory_objective(_place, _precision))


@dataclass(frozen=True)
class Objectives:
    """All that a search optimises: the chosen costs in their order, and the metric last."""

    metric: str
    """Name of the task's primary metric, which rises."""
    costs: tuple[Objective, ...] = (MACS_OBJECTIVE,)
    """At least one."""
    bounded: tuple[Objective, ...] = ()
    """Costs that the budget bounds besides MACs and parameters, which have bounds of their own."""

    @classmethod
    def of(
        cls,
        metric: str,
        names: Sequence[str] = DEFAULT_OBJECTIVES,
        budget: BudgetSpec | None = None,
    ) -> "Objectives":
        """The objectives of these names; `metric`, or its own name, stands for the task's metric.

        Raises NasError for a name that is no objective, and where the metric or a cost is missing.
        """
        chosen = tuple(_named(name) for name in names if name not in (METRIC_OBJECTIVE, metric))
        if len(chosen) != len(names) - 1 or not chosen or len(set(names)) != len(names):
            raise NasError(
                f"{', '.join(names)} is not allowed: {METRIC_OBJECTIVE} and at least one cost, "
                "each once",
                key=_KEY,
            )
        bounds = () if budget is None else tuple(budget.bounds)
        return cls(metric, chosen, tuple(_bounded(name) for name in bounds))

    @property
    def axis(self) -> Objective:
        """The cost by which networks are ordered: the first known in advance.

        Where none of the costs is known before training and falls, the first of them.
        """
        return self.costs[self.axis_index]

    @property
    def axis_index(self) -> int:
        """Place of `axis` among the costs."""
        known = [item.known == "before" and item.sign == 1 for item in self.costs]
        return known.index(True) if True in known else 0

    @property
    def axis_is_known(self) -> bool:
        """Whether a network's `axis` is known before it is trained."""
        return self.axis.known == "before" and self.axis.sign == 1

    @property
    def directions(self) -> list[Direction]:
        """Of the study: the costs' own, and the metric's."""
        return [*(item.direction for item in self.costs), "maximize"]

    @property
    def further(self) -> tuple[Objective, ...]:
        """Costs of the records besides MACs and parameters, which all have: further columns."""
        every = dict.fromkeys((*self.costs, *self.bounded))
        return tuple(item for item in every if item.name not in _ALWAYS)

    @property
    def kinds(self) -> tuple[CostKind, ...]:
        """How the `further` costs are called."""
        return tuple(item.kind for item in self.further)

    def count(self, network: CountedNetwork) -> dict[str, float]:
        """The `further` costs of a network that are known before its training, by name."""
        known = [item for item in self.further if item.known == "before"]
        return {item.name: self._known(item, network) for item in known}

    def count_bounded(self, network: CountedNetwork) -> dict[str, float]:
        """Those of them that the budget bounds."""
        return {item.name: self._known(item, network) for item in self.bounded}

    def axis_of(self, network: CountedNetwork) -> float:
        """The value of an `axis` that is known before training, above 0."""
        return self._known(self.axis, network)

    def _known(self, objective: Objective, network: CountedNetwork) -> float:
        try:
            value = objective.of(network)
        except NasError:
            raise
        except Exception as error:  # whatever the user's own function raises
            problem = f"the objective {objective.name} failed: {type(error).__name__}: {error}"
            raise NasError(problem) from error
        if math.isnan(value):
            raise NasError(f"the objective {objective.name} gave {value}, which is no number")
        if objective == self.axis and value <= 0 and objective.name not in _ALWAYS:
            raise NasError(f"the objective {objective.name} gave {value}: costs are above 0")
        return value

    def measured(self, metrics: Metrics) -> dict[str, float]:
        """The costs that are known in training, of the metrics that it came to, by name."""
        return {item.name: item.of(metrics) for item in self.costs if item.known == "training"}

    @property
    def after_training(self) -> tuple[Objective, ...]:
        """Those that are measured on the trained network."""
        return tuple(item for item in self.costs if item.known == "after")

    def values(self, costs: Mapping[str, float], metric: float) -> list[float]:
        """What the study is told of a network; 0 for a cost too expensive to measure."""
        return [*(costs.get(item.name, 0.0) for item in self.costs), metric]

    def losses(self, costs: Mapping[str, float]) -> tuple[float | None, ...]:
        """The chosen costs, signed so that less is better; None where not known yet."""
        known = [costs.get(item.name) for item in self.costs]
        return tuple(
            None if value is None else item.sign * value
            for item, value in zip(self.costs, known, strict=True)
        )


BY_MACS = Objectives(METRIC_OBJECTIVE)
"""Of searches that are told nothing else."""


def objective_names() -> tuple[str, ...]:
    """What `--objectives` may name: the registered ones and `metric`."""
    return (*_REGISTERED, METRIC_OBJECTIVE)


def _named(name: str, key: str = _KEY) -> Objective:
    try:
        return _REGISTERED[name]
    except KeyError:
        near = did_you_mean(name, objective_names())
        raise NasError(f"no objective {name!r}{near}", key=key) from None


def _bounded(name: str) -> Objective:
    """The objective of a budget's bound. Raises NasError where it isn't known before training."""
    objective = _named(name, f"budget.max.{name}")
    if objective.known != "before":
        raise NasError(
            "only what is known before training can be bounded: this is measured",
            key=f"budget.max.{name}",
        )
    if objective.direction != "minimize":
        raise NasError("a bound from above, of what is to be large", key=f"budget.max.{name}")
    return objective

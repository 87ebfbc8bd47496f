"""State of a training run, and its checkpoint file."""

from copy import deepcopy
from dataclasses import dataclass, field
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.files import atomic_write_bytes
from nas.model.weights_file import read_tensors
from nas.spec.load import show
from nas.tasks.base import Metrics, Task


class WeightAverage:
    """Exponential moving average of a network's weights and statistics, in its copy `network`.

    The decay of update t is min(decay, t / (t + 9)), so that the first steps, from weights that
    are still random, are soon forgotten (the ramp of TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Update the average with the weights of `network`, after an optimiser's step."""
        self.updates += 1
        share = 1 - min(self.decay, self.updates / (self.updates + 9))
        followed = network.state_dict()
        for name, average in self.network.state_dict().items():
            if average.is_floating_point():
                average.lerp_(followed[name], share)
            else:
                average.copy_(followed[name])


Weights = dict[str, Tensor]


@dataclass(frozen=True)
class EpochResult:
    """Results of one epoch."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """Mean over the epoch's steps."""
    validation: Metrics
    seconds: float
    """Wall-clock, validation included."""
    learning_rate: float
    """Rate of the epoch's last step."""


@dataclass
class TrainingState:
    """State between two epochs: all that the next epoch depends on, and the best so far."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None
    epoch: int = 0
    """Epochs done."""
    best_epoch: int = 0
    best_weights: Weights = field(default_factory=dict)
    history: list[EpochResult] = field(default_factory=list)
    stopped: bool = False
    """Whether the caller ended the run early."""

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated and kept: the average of weights if there is one."""
        return self.network if self.average is None else self.average.network

    def finish(self, result: EpochResult) -> None:
        """Count an epoch in, and keep its weights if it is the best."""
        self.epoch = result.epoch
        self.history.append(result)
        best = self.history[self.best_epoch - 1].validation.primary if self.best_epoch else None
        if best is None or result.validation.primary > best:
            self.best_epoch = result.epoch
            state = self.evaluated.state_dict()
            self.best_weights = {name: value.detach().clone() for name, value in state.items()}


def write_state(path: Path, state: TrainingState) -> None:
    """Write the state atomically: tensors and plain values only, no code."""
    average = state.average
    content = {
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "average": None if average is None else average.network.state_dict(),
        "average_updates": 0 if average is None else average.updates,
        "best_epoch": state.best_epoch,
        "best_weights": state.best_weights,
        "history": [_result_as_json(result) for result in state.history],
        "stopped": state.stopped,
    }
    stream = BytesIO()
    torch.save(content, stream)
    atomic_write_bytes(path, stream.getvalue())


def read_state(path: Path, state: TrainingState, task: Task[Any], device: torch.device) -> None:
    """Bring `state` to where the file left off. Raises NasError for a file of another run."""
    content = read_tensors(path)
    try:
        _fill(state, content, task, device)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NasError(
            f"damaged, or of another network or settings: {reason}", file=path
        ) from error


_KEYS = frozenset({"network", "average", "best_weights", "best_epoch", "history", "stopped"})
_KEYS |= {"optimizer", "average_updates"}
"""Of a checkpoint."""


def _fill(state: TrainingState, content: Any, task: Task[Any], device: torch.device) -> None:
    """Take over a checkpoint's values. Raises ValueError and others for what can't be right."""
    if not isinstance(content, dict) or (missing := _KEYS - content.keys()):
        words = "" if not isinstance(content, dict) else f": no {', '.join(sorted(missing))}"
        raise ValueError(f"it is no checkpoint of a training{words}")
    history = [_result_from_json(values, task) for values in content["history"]]
    best, updates, stopped = (content[key] for key in ("best_epoch", "average_updates", "stopped"))
    if not history or [item.epoch for item in history] != list(range(1, len(history) + 1)):
        raise ValueError("its history does not count the epochs from 1 on")
    highest = max(item.validation.primary for item in history)
    if type(best) is not int or not 1 <= best <= len(history):
        raise ValueError(f"best_epoch {show(best)}, with {len(history)} epochs done")
    if history[best - 1].validation.primary != highest:
        raise ValueError(f"best_epoch {best}, whose validation is not the best")
    if type(updates) is not int or updates < 0 or type(stopped) is not bool:
        raise ValueError(f"average_updates {show(updates)}, stopped {show(stopped)}")
    _check_weights(state.network, content["network"], "network")
    _check_weights(state.evaluated, content["best_weights"], "best_weights")
    state.network.load_state_dict(content["network"])
    _check_optimizer(state.optimizer, content["optimizer"])
    state.optimizer.load_state_dict(content["optimizer"])
    if (state.average is None) != (content["average"] is None):
        raise ValueError("one of the two has an average of weights, the other has none")
    if state.average is not None:
        _check_weights(state.average.network, content["average"], "average")
        state.average.network.load_state_dict(content["average"])
        state.average.updates = updates
    state.best_epoch, state.stopped = best, stopped
    state.best_weights = {name: value.to(device) for name, value in content["best_weights"].items()}
    state.history, state.epoch = history, len(history)


def _check_weights(network: nn.Module, given: Any, key: str) -> None:
    """Raises ValueError unless `given` is a state of the network, of finite weights."""
    own = network.state_dict()
    if not isinstance(given, dict) or given.keys() != own.keys():
        raise ValueError(f"{key} is not the state of this network")
    parameters = dict(network.named_parameters())
    for name, value in own.items():
        found = given[name]
        if not isinstance(found, Tensor):
            raise ValueError(f"{key}: {name!r} is {show(found)}, no tensor")
        if (found.shape, found.dtype) != (value.shape, value.dtype):
            raise ValueError(
                f"{key}: {name!r} is {found.dtype} {tuple(found.shape)}, the network's "
                f"{value.dtype} {tuple(value.shape)}"
            )
        if name in parameters and not found.isfinite().all():
            raise ValueError(f"{key}: {name!r} is not finite")


_MOMENTS = frozenset({"step", "exp_avg", "exp_avg_sq"})
"""What AdamW keeps of each weight."""
_ADAM = ("betas", "eps", "weight_decay", "amsgrad", "maximize")
"""Its settings, but for the rate, which is set at each step."""


def _check_optimizer(optimizer: torch.optim.Optimizer, given: Any) -> None:
    """Raises ValueError for other settings, and for moments that can't be those of the weights."""
    pairs = list(zip(optimizer.param_groups, given["param_groups"], strict=True))
    if any(own.get(name) != other.get(name) for own, other in pairs for name in _ADAM):
        raise ValueError("optimizer has other settings")
    weights = {
        number: weight
        for own, other in pairs
        for weight, number in zip(own["params"], other["params"], strict=True)
    }
    for number, moments in given["state"].items():
        if number not in weights or moments.keys() != _MOMENTS:
            raise ValueError(f"optimizer is of other weights: number {number}")
        for name, value in moments.items():
            wanted = torch.Size() if name == "step" else weights[number].shape
            known = isinstance(value, Tensor) and value.is_floating_point()
            if not known or value.shape != wanted or not value.isfinite().all():
                raise ValueError(f"optimizer: {name} of weight {number} is none of it")


def _result_as_json(result: EpochResult) -> dict[str, Any]:
    return {**vars(result), "validation": result.validation.as_json()}


def _result_from_json(values: dict[str, Any], task: Task[Any]) -> EpochResult:
    for name in ("train_loss", "seconds", "learning_rate"):
        if type(values[name]) is not float or not isfinite(values[name]):
            raise ValueError(f"its history has the {name} {show(values[name])}")
    return EpochResult(**{**values, "validation": task.metrics_from_json(values["validation"])})

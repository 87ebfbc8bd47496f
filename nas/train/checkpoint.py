"""State of a training run, and its checkpoint file."""

from copy import deepcopy
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.files import atomic_write_bytes
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
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        state.network.load_state_dict(content["network"])
        state.optimizer.load_state_dict(content["optimizer"])
        if state.average is not None:
            state.average.network.load_state_dict(content["average"])
            state.average.updates = content["average_updates"]
        state.best_epoch = content["best_epoch"]
        state.best_weights = content["best_weights"]
        state.history = [_result_from_json(values, task) for values in content["history"]]
        state.stopped = content["stopped"]
    except (
        OSError,
        RuntimeError,
        UnpicklingError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NasError(
            f"damaged, or of another network or settings: {reason}", file=path
        ) from error
    state.epoch = len(state.history)


def _result_as_json(result: EpochResult) -> dict[str, Any]:
    return {**vars(result), "validation": result.validation.as_json()}


def _result_from_json(values: dict[str, Any], task: Task[Any]) -> EpochResult:
    return EpochResult(**{**values, "validation": task.metrics_from_json(values["validation"])})

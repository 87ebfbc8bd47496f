"""The training loop: an epoch, an evaluation, a whole run.

Data, loss and metrics come from the task.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from nas.data.dataset import AnyTaskData
from nas.data.splits import Split
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch, Loss, Metrics, Task, Thresholds
from nas.tasks.outputs import NotFinite, require_finite
from nas.train.checkpoint import EpochResult, TrainingState, WeightAverage, read_state, write_state
from nas.train.device import TrainingFailed, memory_watched, seeded, uses_bfloat16
from nas.train.optimizer import (
    build_optimizer,
    learning_rate_at,
    set_batch_norm_momentum,
    set_learning_rate,
)
from nas.train.weights import folded_copy

DataT = TypeVar("DataT", bound=AnyTaskData)

TO_TRY = "try a lower learning_rate, or clip_norm: 1"
"""Advice where a training diverged."""

OnEpoch = Callable[[EpochResult], bool | None]
"""Told of each finished epoch; True ends the run early."""

OutputsOf = Callable[[nn.Module, Tensor, Any], Any]
"""From a network, inputs and targets to what the loss compares with the targets."""


class EpochLesson(Protocol):
    """One epoch of learning something beside the labels."""

    def batches(self) -> Iterator[Batch]:
        """Batches of the epoch, with targets of its own."""

    def outputs_of(self, network: nn.Module, inputs: Tensor, targets: Any) -> Any:
        """The outputs that the loss compares with them."""

    def loss(self) -> Loss:
        """Loss of these outputs and targets."""


class Teaches(Protocol):
    """What a network learns beside the labels."""

    def lesson(
        self,
        data: AnyTaskData,
        task: Task[Any],
        training: TrainingSpec,
        seed: int,
        device: torch.device,
    ) -> EpochLesson:
        """The epoch of that seed."""


def plain_outputs(network: nn.Module, inputs: Tensor, targets: Any) -> Any:
    """The network's outputs."""
    return network(inputs)


@dataclass(frozen=True)
class FitResult:
    """Result of a run besides the weights of its best epoch."""

    best_epoch: int
    """Counted from 1."""
    best_validation: Metrics
    history: tuple[EpochResult, ...]

    @property
    def seconds_per_epoch(self) -> float:
        """Mean wall-clock seconds of an epoch, its validation included."""
        return sum(result.seconds for result in self.history) / len(self.history)


def fit(
    network: nn.Module,
    data: DataT,
    task: Task[DataT],
    training: TrainingSpec,
    *,
    device: torch.device,
    on_epoch: OnEpoch | None = None,
    checkpoint: Path | None = None,
    teaching: Teaches | None = None,
    keep_last: bool = False,
) -> FitResult:
    """Train a network in place; it ends in eval mode with the weights of its best epoch.

    With `keep_last` they are those of the last one. Best is the highest primary metric on the
    validation split, the earliest of equals. With a `checkpoint` the state of the run is written
    there after each epoch, and a run whose file is there already goes on from it to the same
    result on the CPU as if it had never stopped. `teaching` says what the network learns beside
    the labels. Raises TrainingFailed for a loss or weights that are not finite, and where memory
    runs out.
    """
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise TrainingFailed("the network has no weights to train")
    network.to(device).to(memory_format=torch.channels_last)
    if training.batch_norm_momentum is not None:
        set_batch_norm_momentum(network, training.batch_norm_momentum)
    average = None if training.ema_decay is None else WeightAverage(network, training.ema_decay)
    state = TrainingState(network, build_optimizer(network, training), average)
    if checkpoint is not None and checkpoint.exists():
        read_state(checkpoint, state, task, device)
    while state.epoch < training.epochs and not state.stopped:
        with memory_watched(f"in epoch {state.epoch + 1}, batches of {training.batch_size}"):
            result = _run_epoch(state, data, task, training, device, teaching)
        state.finish(result)
        state.stopped = bool(on_epoch and on_epoch(result))
        if checkpoint is not None:
            write_state(checkpoint, state)
    network.load_state_dict(state.evaluated.state_dict() if keep_last else state.best_weights)
    network.eval()
    best = state.history[state.best_epoch - 1]
    return FitResult(state.best_epoch, best.validation, tuple(state.history))


def train_epoch(
    network: nn.Module,
    batches: Iterable[Batch],
    loss_function: Loss,
    optimizer: torch.optim.Optimizer,
    learning_rates: Iterator[float],
    *,
    outputs_of: OutputsOf = plain_outputs,
    accumulate: int = 1,
    clip_norm: float | None = None,
    bfloat16: bool = False,
    average: WeightAverage | None = None,
) -> Tensor:
    """Train on the batches once; the loss of each batch, shape (batches,), still on the device.

    Each step takes a learning rate and the mean of the gradients of `accumulate` batches; the last
    one takes what is left of the epoch. Nothing here waits for the device: a loss that is not
    finite is found by the caller.
    """
    network.train()
    losses: list[Tensor] = []
    held = 0
    for inputs, targets in batches:
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=bfloat16):
            outputs = outputs_of(network, inputs, targets)
        loss = loss_function(outputs, targets)
        if not held:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        losses.append(loss.detach())
        held += 1
        if held == accumulate:
            _step(network, optimizer, held, next(learning_rates), clip_norm, average)
            held = 0
    if held:
        _step(network, optimizer, held, next(learning_rates), clip_norm, average)
    return torch.stack(losses)


def _step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: int,
    learning_rate: float,
    clip_norm: float | None,
    average: WeightAverage | None,
) -> None:
    """One step with the mean of the gradients that so many batches have summed."""
    set_learning_rate(optimizer, learning_rate)
    if batches > 1:
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter.grad.div_(batches)
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), clip_norm, foreach=True)
    optimizer.step()
    if average is not None:
        average.update(network)


def evaluate(
    network: nn.Module,
    data: DataT,
    task: Task[DataT],
    split: Split,
    *,
    device: torch.device,
    thresholds: Thresholds | None = None,
) -> Metrics:
    """Metrics of a network on a split, with these thresholds; the network is left as it was.

    Without `thresholds` a task that needs them chooses them on the split itself. Raises ValueError
    for a test split that they would be chosen on, NotFinite for outputs that are no numbers.
    """
    if thresholds:
        data = task.with_thresholds(data, thresholds)
    elif split == "test" and task.needs_thresholds:
        raise ValueError("thresholds are not chosen on the test split; give those of validation")
    with torch.inference_mode():
        return task.measure(data, split_outputs(network, data, task, split, device))


def split_outputs(
    network: nn.Module, data: DataT, task: Task[DataT], split: Split, device: torch.device
) -> Iterator[tuple[Any, Any]]:
    """Outputs of a network for each batch of a split, and the targets; batch normalisation is
    folded. To be used without gradients. Raises NotFinite for NaN or infinity in them."""
    folded = folded_copy(network).to(memory_format=torch.channels_last)
    for x, target in task.evaluation_batches(data, split, device):
        outputs = folded(x)
        require_finite(outputs, f"samples of a batch of the {split} split")
        yield outputs, target


def _run_epoch(
    state: TrainingState,
    data: DataT,
    task: Task[DataT],
    training: TrainingSpec,
    device: torch.device,
    teaching: Teaches | None,
) -> EpochResult:
    start = perf_counter()
    epoch = state.epoch + 1
    steps = ceil(task.steps_per_epoch(data, training) / training.accumulate)
    first_step = state.epoch * steps
    rates = (
        learning_rate_at(training, step, steps * training.epochs) for step in count(first_step)
    )
    # A seed of its own for each epoch: a resumed run needs no generator's state.
    seed = _epoch_seed(training.seed, epoch)
    with seeded(seed, device):
        if teaching is None:
            batches = task.train_batches(
                data, training, torch.Generator().manual_seed(seed), device
            )
            loss, outputs_of = task.build_loss(training), task.training_outputs
        else:
            lesson = teaching.lesson(data, task, training, seed, device)
            batches, loss, outputs_of = lesson.batches(), lesson.loss(), lesson.outputs_of
        losses = train_epoch(
            state.network,
            batches,
            loss,
            state.optimizer,
            rates,
            outputs_of=outputs_of,
            accumulate=training.accumulate,
            clip_norm=training.clip_norm,
            bfloat16=uses_bfloat16(training.precision, device),
            average=state.average,
        )
    _require_finite(losses, state.network, epoch)
    try:
        validation = evaluate(state.evaluated, data, task, "validation", device=device)
    except NotFinite as error:
        raise TrainingFailed(f"{error.problem}, after epoch {epoch}; {TO_TRY}") from error
    return EpochResult(
        epoch=epoch,
        train_loss=float(losses.mean()),
        validation=validation,
        seconds=perf_counter() - start,
        learning_rate=float(state.optimizer.param_groups[0]["lr"]),
    )


def _epoch_seed(seed: int, epoch: int) -> int:
    """Different for all (seed, epoch) of practice, and below 2**63."""
    return seed * 1_000_003 + epoch


def _require_finite(losses: Tensor, network: nn.Module, epoch: int) -> None:
    finite = losses.isfinite()
    if not finite.all():
        batch = int((~finite).nonzero()[0]) + 1
        raise TrainingFailed(f"loss is not finite at epoch {epoch}, batch {batch}; {TO_TRY}")
    norms = [p.detach().norm() for p in network.parameters()]
    statistics = [
        value.norm(torch.inf)
        for name, value in network.named_buffers()
        if name.endswith(("running_mean", "running_var"))
    ]
    if not torch.stack([*norms, *statistics]).isfinite().all():
        raise TrainingFailed(f"weights are not finite after epoch {epoch}; {TO_TRY}")

"""Epochs of a network's training on the CPU, to be timed."""

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

import torch

from nas.model.build import build_network
from nas.spec.architecture import ArchitectureSpec
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch, Task
from nas.train.device import seeded
from nas.train.loop import train_epoch
from nas.train.optimizer import build_optimizer

CPU = torch.device("cpu")


def epoch_trainer(
    architecture: ArchitectureSpec, training: TrainingSpec, task: Task[Any]
) -> Callable[[Iterable[Batch]], None]:
    """Trains a network of its own on the batches of an epoch, at a learning rate that stays."""
    with seeded(0, CPU):
        network = build_network(architecture).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(network, training)
    loss = task.build_loss(training)

    def train(batches: Iterable[Batch]) -> None:
        train_epoch(network, batches, loss, optimizer, repeat(1e-3), clip_norm=training.clip_norm)

    return train

"""A space's shared network: begun, trained into a folder, and its members measured."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.data.dataset import AnyTaskData
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.tasks.base import Metrics, Task
from nas.train.begin import build_begun
from nas.train.extremes import largest_member
from nas.train.loop import OnEpoch, evaluate, fit
from nas.train.sandwich import Sandwich
from nas.train.shared_network import SharedWeights
from nas.train.weights import WEIGHTS_FILE, build_seeded, load_weights, save_weights

_CHECKPOINT = "checkpoint.pt"
RECALIBRATION_BATCHES = 8
"""Training batches of which a member's statistics of batch normalisation are taken."""


def begin_shared(space: SpaceSpec, seed: int, device: torch.device) -> SharedWeights:
    """The shared network of a space with its first weights, the same each time.

    Raises NasError for weights that can't be had and a head that can't be shared;
    `SharedWeights.check` tells of layers.
    """
    largest = largest_member(space)
    return SharedWeights(largest, build_begun(largest, seed, device).to(device), seed)


def train_shared(
    sandwich: Sandwich,
    task: Task[Any],
    training: TrainingSpec,
    folder: Path,
    *,
    device: torch.device,
    on_epoch: OnEpoch | None = None,
) -> None:
    """Train the sandwich's network in place and write its weights into the folder.

    A training that an interruption ended goes on there.
    """
    weights = sandwich.weights
    folder.mkdir(parents=True, exist_ok=True)
    fit(
        weights.network,
        sandwich.data_at(weights.largest.input),
        task,
        training,
        device=device,
        on_epoch=on_epoch,
        checkpoint=folder / _CHECKPOINT,
        teaching=sandwich,
        keep_last=True,  # the largest member's best epoch is not the others'
    )
    save_weights(weights.network, folder / WEIGHTS_FILE)
    (folder / _CHECKPOINT).unlink()


def is_trained(folder: Path) -> bool:
    """Whether the folder holds a shared network's weights."""
    return (folder / WEIGHTS_FILE).exists()


def load_shared(space: SpaceSpec, seed: int, folder: Path, device: torch.device) -> SharedWeights:
    """The shared network that `train_shared` wrote. Raises NasError for a folder without one."""
    weights = begin_shared(space, seed, device)
    load_weights(weights.network, folder / WEIGHTS_FILE)
    weights.network.to(device).eval()
    return weights


def measure_member(
    weights: SharedWeights,
    member: ArchitectureSpec,
    data: AnyTaskData,
    task: Task[Any],
    training: TrainingSpec,
    device: torch.device,
) -> tuple[nn.Module, Metrics]:
    """The member with its part of the shared weights, in eval mode, and its validation metrics.

    Its statistics of batch normalisation are those of `RECALIBRATION_BATCHES` training batches.
    """
    network = build_seeded(member, training.seed, device)
    weights.fill(member, network)
    network.to(device).to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(training.seed)
    batches = task.train_batches(data, training, generator, device)
    recalibrate(network, (inputs for inputs, _ in islice(batches, RECALIBRATION_BATCHES)))
    return network, evaluate(network, data, task, "validation", device=device)


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace the statistics of batch normalisation by the means over these batches, in place.

    The network is left in eval mode.
    """
    norms = [
        item for item in network.modules() if isinstance(item, nn.modules.batchnorm._BatchNorm)
    ]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    for x_NCHW in batches:
        network(x_NCHW)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()

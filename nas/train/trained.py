"""A finished training run's folder: all that is needed to use its network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from nas.errors import NasError
from nas.model.build import build_network
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.tasks.base import Prediction
from nas.tasks.registry import task_named
from nas.train.fold import folded_copy
from nas.train.weights import load_weights

ARCHITECTURE_FILE = "architecture.yaml"
WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network with its weights, on a device and in eval mode, and what it was made from."""

    architecture: ArchitectureSpec
    network: nn.Module
    device: torch.device

    def predict(self, files: Sequence[str | Path]) -> Iterator[Prediction]:
        """A prediction for each file, in order."""
        task = task_named(self.architecture.task)
        network = folded_copy(self.network).to(memory_format=torch.channels_last)
        # Within the call only: a generator's own mode would leak to its caller.
        inference = torch.inference_mode()(network.forward)
        paths = [Path(file) for file in files]
        return task.predict(inference, self.architecture, paths, self.device)


def load_trained(folder: str | Path, device: torch.device | str = "cpu") -> TrainedNetwork:
    """The network of the folder that `nas train` wrote, with its weights.

    Raises NasError for a folder that is not whole.
    """
    folder, device = Path(folder), torch.device(device)
    if not folder.is_dir():
        raise NasError("no such folder; give the one that `nas train` wrote", file=folder)
    file = folder / ARCHITECTURE_FILE
    if not file.exists():
        raise NasError(
            f"no {ARCHITECTURE_FILE} in it; give a folder that `nas train` wrote", file=folder
        )
    architecture = load_architecture(file)
    if architecture.preprocess is None:
        raise NasError(
            "does not say how its inputs were prepared; was it trained?",
            file=file,
            key="preprocess",
        )
    network = build_network(architecture)
    load_weights(network, folder / WEIGHTS_FILE)
    return TrainedNetwork(architecture, network.to(device).eval(), device)

"""A finished training run's folder: all that is needed to use its network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

import torch
from torch import nn

from nas.errors import NasError
from nas.model.build import build_network
from nas.model.ensemble import MeanNetwork
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.tasks.base import Prediction, Thresholds
from nas.tasks.registry import task_named
from nas.train.fold import folded_copy
from nas.train.thresholds import load_thresholds
from nas.train.weights import load_weights

ARCHITECTURE_FILE = "architecture.yaml"
WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network with its weights, on a device and in eval mode, and what it was made from."""

    architecture: ArchitectureSpec
    network: nn.Module
    device: torch.device
    thresholds: Thresholds = field(default_factory=dict)
    """Chosen on the validation split by class; empty where the task has none."""

    def predict(self, files: Sequence[str | Path]) -> Iterator[Prediction]:
        """A prediction for each file, in order."""
        task = task_named(self.architecture.task)
        network = folded_copy(self.network).to(memory_format=torch.channels_last)
        # Within the call only: a generator's own mode would leak to its caller.
        inference = torch.inference_mode()(network.forward)
        paths = [Path(file) for file in files]
        return task.predict(inference, self.architecture, paths, self.device, self.thresholds)


def load_ensemble(
    folders: Sequence[str | Path], device: torch.device | str = "cpu"
) -> TrainedNetwork:
    """The networks of several folders as one whose probabilities are the mean of theirs.

    Its thresholds are the means of theirs, class by class; architecture and provenance are those of
    the first. Raises NasError where a folder is not whole, or its network takes other inputs than
    the first or has other classes.
    """
    members = [load_trained(folder, device) for folder in folders]
    first = members[0]
    if len(members) == 1:
        return first
    for folder, member in zip(folders, members, strict=True):
        _require_alike(first.architecture, member.architecture, Path(folder))
    mean_outputs = task_named(first.architecture.task).mean_outputs
    network = MeanNetwork([member.network for member in members], mean_outputs)
    known = [member.thresholds for member in members if member.thresholds]
    thresholds = {name: mean(given[name] for given in known) for name in (known or [{}])[0]}
    return TrainedNetwork(first.architecture, network.eval(), first.device, thresholds)


def _require_alike(first: ArchitectureSpec, other: ArchitectureSpec, folder: Path) -> None:
    for what, own, theirs in (
        ("task", first.task, other.task),
        ("classes", first.classes, other.classes),
        ("input", first.input, other.input),
        ("preprocess", first.preprocess, other.preprocess),
    ):
        if own != theirs:
            raise NasError(
                f"differs in {what} from the first network, so no mean can be taken", file=folder
            )


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
    thresholds = load_thresholds(folder, architecture.classes)
    return TrainedNetwork(architecture, network.to(device).eval(), device, thresholds)

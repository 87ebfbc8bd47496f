"""Folders of finished training runs, and the networks in them."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import NasError, listed
from nas.files import atomic_write_text
from nas.model.build import MeanNetwork, build_network
from nas.model.reference import own_module
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.spec.load import read_document, show
from nas.spec.yaml_text import block
from nas.tasks.base import Prediction, Thresholds
from nas.tasks.registry import task_named
from nas.train.exported import open_exported
from nas.train.weights import WEIGHTS_FILE, folded_copy, load_weights

ARCHITECTURE_FILE = "architecture.yaml"
THRESHOLDS_FILE = "thresholds.yaml"
ENSEMBLE_FILE = "ensemble.yaml"
TEACHER = "teacher"
"""The step whose network is trained on masked images."""


def save_thresholds(folder: Path, thresholds: Thresholds) -> None:
    """Write `thresholds.yaml`; nothing where a task has none."""
    if thresholds:
        atomic_write_text(folder / THRESHOLDS_FILE, block(dict(thresholds)) + "\n")


def load_thresholds(folder: Path, classes: Sequence[str]) -> Thresholds:
    """The thresholds of a run's folder by class.

    Raises NasError for a file that is not there, or does not hold one from 0 to 1 for each of the
    classes.
    """
    file = folder / THRESHOLDS_FILE
    if not file.exists():
        raise NasError(
            f"no {THRESHOLDS_FILE} in it, which training chose on the validation split; "
            "is the run finished?",
            file=folder,
        )
    document = read_document(file)
    values = document.data
    if not isinstance(values, dict) or set(values) != set(classes):
        raise NasError(f"needs a threshold for each of {', '.join(classes)}", file=file)
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise document.error((name,), f"{show(value)} is no threshold; allowed are 0 to 1")
    return {name: float(values[name]) for name in classes}


def is_ensemble(folder: Path) -> bool:
    """Whether the folder holds an ensemble and no network of its own."""
    return (folder / ENSEMBLE_FILE).exists()


def write_members(folder: Path, runs: Sequence[Path]) -> None:
    """Write `ensemble.yaml`; the runs are named from `folder` on, so they can be moved together."""
    members = [os.path.relpath(run.resolve(), folder.resolve()) for run in runs]
    atomic_write_text(folder / ENSEMBLE_FILE, block({"members": members}) + "\n")


MAX_MEMBERS = 256
"""Most networks of a mean: all are in memory at once."""


def read_members(folder: Path) -> tuple[Path, ...]:
    """The folders of an ensemble's runs. Raises NasError for a file that names fewer than two."""
    document = read_document(folder / ENSEMBLE_FILE)
    values = document.data
    named = values.get("members") if isinstance(values, dict) and len(values) == 1 else None
    if not isinstance(named, list) or len(named) < 2:
        raise document.error((), "needs `members`, a list of at least two runs' folders")
    for index, name in enumerate(named):
        if not isinstance(name, str):
            raise document.error(("members", index), f"{show(name)} is no folder")
    return tuple(Path(os.path.normpath(folder / name)) for name in named)


@dataclass(frozen=True)
class EnsembleMember:
    """One network of an ensemble, and its folder."""

    run: Path
    architecture: ArchitectureSpec


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network with its weights, on a device and in eval mode, and what it was made from."""

    architecture: ArchitectureSpec
    """Of a mean of several networks: that of the first."""
    network: nn.Module
    device: torch.device
    members: tuple[EnsembleMember, ...]
    """The runs that it is the mean of; one for a single network."""
    thresholds: Thresholds = field(default_factory=dict)
    """Chosen on the validation split by class; empty where the task has none, and for a mean that
    they are yet to be chosen for."""

    def predict(self, files: Sequence[str | Path]) -> Iterator[Prediction]:
        """A prediction for each file, in order."""
        task = task_named(self.architecture.task)
        paths = [Path(file) for file in files]
        network = self.inference()
        return task.predict(network, self.architecture, paths, self.device, self.thresholds)

    def inference(self) -> Callable[[Tensor], Any]:
        """The network for inputs alone: batch normalisation folded, no gradients."""
        network = folded_copy(self.network).to(memory_format=torch.channels_last)
        # Within the call only: a generator's own mode would leak to its caller.
        inference: Callable[[Tensor], Any] = torch.inference_mode()(network.forward)
        return inference


def save_ensemble(folder: Path, trained: TrainedNetwork) -> None:
    """Write the folder that `load_trained` reads: the members, and the thresholds of the mean."""
    write_members(folder, [member.run for member in trained.members])
    save_thresholds(folder, trained.thresholds)


def load_trained(folder: str | Path, device: torch.device | str = "cpu") -> TrainedNetwork:
    """The network of the folder that `nas train` wrote, the mean of an ensemble's folder, or the
    network of an ONNX file that `nas export` wrote, which stays on the CPU.

    Raises NasError for a folder that is not whole, and for another file.
    """
    if (path := Path(folder)).is_file():
        return _load_exported(path)
    folder = _folder(folder)
    if not is_ensemble(folder):
        return _load_network(folder, torch.device(device))
    mean = load_mean([folder], device)
    return replace(mean, thresholds=_thresholds(folder, mean.architecture))


def load_mean(folders: Sequence[str | Path], device: torch.device | str = "cpu") -> TrainedNetwork:
    """The networks of several folders as one whose probabilities are the mean of theirs.

    An ensemble's folder stands for its members. The mean has no thresholds: those of its members
    belong to other probabilities, its own are yet to be chosen (`nas.evaluate`).
    Raises NasError where a folder is not whole, or its network takes other inputs than the first or
    has other classes.
    """
    runs = [
        run
        for folder in map(Path, folders)
        for run in (read_members(folder) if is_ensemble(folder) else (folder,))
    ]
    if len(runs) > MAX_MEMBERS:
        problem = f"{len(runs)} networks; a mean is taken of at most {MAX_MEMBERS}"
        raise NasError(problem, file=folders[0])
    trained = [
        _load_exported(run) if run.is_file() else _load_network(_folder(run), torch.device(device))
        for run in runs
    ]
    first = trained[0]
    members = tuple(member for item in trained for member in item.members)
    for member in members:
        _require_alike(first.architecture, member)
    mean_outputs = task_named(first.architecture.task).mean_outputs
    network = MeanNetwork([item.network for item in trained], mean_outputs)
    return TrainedNetwork(first.architecture, network.eval(), first.device, members)


def _require_alike(first: ArchitectureSpec, member: EnsembleMember) -> None:
    other = member.architecture
    for what, lead, own in (
        ("task", first.task, other.task),
        ("classes", first.classes, other.classes),
        ("input", first.input, other.input),
        ("preprocess", first.preprocess, other.preprocess),
    ):
        if lead != own:
            here, there = (
                listed(item) if isinstance(item, tuple) else item for item in (own, lead)
            )
            raise NasError(
                f"differs in {what} from the first network, so no mean can be taken: {here}, "
                f"there {there}",
                file=member.run,
            )


def _load_network(folder: Path, device: torch.device) -> TrainedNetwork:
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
    if architecture.provenance.pipeline_step == TEACHER:
        raise NasError(
            "is a teacher: it knows inputs that were masked by their labels, and was measured on "
            "such (see its metrics.json); use the last step",
            file=folder,
        )
    try:
        network = build_network(architecture)
        if architecture.model is not None and own_module(architecture.model) is not None:
            task = task_named(architecture.task)
            task.check_network(network, architecture, training=False)
    except NasError as error:
        raise NasError(error.problem, file=error.file or file, key=error.key) from error
    load_weights(network, folder / WEIGHTS_FILE)
    return TrainedNetwork(
        architecture,
        network.to(device).eval(),
        device,
        (EnsembleMember(folder, architecture),),
        _thresholds(folder, architecture),
    )


def _load_exported(path: Path) -> TrainedNetwork:
    found = open_exported(path)
    members = (EnsembleMember(path, found.architecture),)
    cpu = torch.device("cpu")
    return TrainedNetwork(found.architecture, found.network, cpu, members, found.thresholds)


def _folder(folder: str | Path) -> Path:
    if not Path(folder).is_dir():
        raise NasError("no such folder; give the one that `nas train` wrote", file=folder)
    return Path(folder)


def _thresholds(folder: Path, architecture: ArchitectureSpec) -> Thresholds:
    """Those that are kept there; empty for a task that has none."""
    if not task_named(architecture.task).needs_thresholds:
        return {}
    return load_thresholds(folder, architecture.classes)

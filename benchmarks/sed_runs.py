"""What the table needs of a folder that a training, or the measuring of an ensemble, wrote."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.data.audio.augment import SpectrogramAugmentSpec
from nas.errors import NasError
from nas.report.tables import epochs_text
from nas.spec.architecture import load_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.old_names import with_current_names
from nas.spec.training import TrainingSpec, load_training
from nas.tasks.sed.losses import KnownLabelLossSpec


@dataclass(frozen=True)
class MeasuredRun:
    """A finished run of the `sed` task."""

    folder: Path
    name: str
    members: tuple[str, ...]
    """The `model` of each network; empty for a network of our own blocks."""
    practices: tuple[str, ...]
    """In words, how it was trained beyond the plain way."""
    width: int
    """Frames of its windows."""
    data: tuple[Any, ...]
    """Equal for runs whose splits are the same."""
    settings: dict[str, Any]
    """All that it was trained with but the seed, by dotted name; equal for runs that are repeats of
    one another."""
    test: dict[str, Any]
    macs: int
    parameters: int
    seconds_per_epoch: float | None
    machine: str
    seed: int | None

    @property
    def ensemble(self) -> bool:
        """Whether it is the mean of several networks."""
        return self.seed is None


def read_run(folder: Path) -> MeasuredRun:
    """The run in a folder. Raises NasError for one that is not finished, or of another task."""
    file = folder / "metrics.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NasError("no metrics.json in it; is the run finished?", file=folder) from None
    except (OSError, ValueError) as error:
        raise NasError(f"can't be read: {error}", file=file) from error
    if values.get("task") != "sed":
        raise NasError(f"is of the task {values.get('task')!r}, not of sed", file=file)
    values = with_current_names(values, "provenance", str(file))
    return _ensemble(folder, values) if "ensemble" in values else _network(folder, values)


def _network(folder: Path, values: dict[str, Any]) -> MeasuredRun:
    architecture = load_architecture(folder / "architecture.yaml")
    training = load_training(folder / "training.yaml")
    facts = architecture.provenance.said()
    return MeasuredRun(
        folder=folder,
        name=architecture.name,
        members=() if architecture.model is None else (architecture.model,),
        practices=_practices(architecture, training),
        width=architecture.input.width,
        data=(architecture.classes, facts.get("split_seed"), facts.get("split_digest")),
        settings=_settings(architecture, training) | {"network": values["architecture_hash"]},
        test=values["test"],
        macs=values["macs"],
        parameters=values["parameters"],
        seconds_per_epoch=values["seconds_per_epoch"],
        machine=_machine(values),
        seed=values["seed"],
    )


def _ensemble(folder: Path, values: dict[str, Any]) -> MeasuredRun:
    names = [member["name"] for member in values["ensemble"]]
    return MeasuredRun(
        folder=folder,
        name=f"mean of {', '.join(names)}",
        members=tuple(member["model"] or "" for member in values["ensemble"]),
        practices=(),
        width=values["width"],
        data=(tuple(values["classes"]), values["split_seed"], values["split_digest"]),
        settings={"members": tuple(member["run"] for member in values["ensemble"])},
        test=values["test"],
        macs=values["macs"],
        parameters=values["parameters"],
        seconds_per_epoch=None,
        machine="",
        seed=None,
    )


def _settings(architecture: ArchitectureSpec, training: TrainingSpec) -> dict[str, Any]:
    facts = ("data", "train_labels", "pretrained")
    preprocess, said = architecture.preprocess, architecture.provenance.said()
    mel = {} if preprocess is None else preprocess.model_dump(mode="json")
    return {
        **_flat("", training.model_dump(mode="json", exclude={"seed"})),
        **_flat("preprocess.", mel),
        **{fact: said.get(fact) for fact in facts},
    }


def _flat(before: str, values: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(f"{before}{name}.", value)
        else:
            flat[f"{before}{name}"] = value
    return flat


def _machine(values: dict[str, Any]) -> str:
    """The processor and how much of it, or the device that is none."""
    if values["device"] != "cpu":
        return str(values["device"])
    cores = values["threads"]
    return f"{values['environment']['processor']}, {cores} {'core' if cores == 1 else 'cores'}"


def _practices(architecture: ArchitectureSpec, training: TrainingSpec) -> tuple[str, ...]:
    loss, augment, rounds = training.loss, training.augment, training.pseudo_labelling
    said = [epochs_text(training.epochs)]
    if architecture.provenance.pretrained:
        said.append("pretrained")
    if architecture.head == "cbam_attention":
        said.append("CBAM")
    if isinstance(augment, SpectrogramAugmentSpec) and augment.mixup != "none":
        said.append(f"mixup ({augment.mixup.replace('_', ' ')})")
    if isinstance(loss, KnownLabelLossSpec):
        said += ["focal"] if loss.kind == "known_focal" else []
        said += ["positive decay"] if loss.positive_decay < 1 else []
    if training.accumulate > 1:
        said.append(f"{training.accumulate} batches a step")
    if rounds is not None:
        said.append(f"{rounds.rounds} rounds at {rounds.threshold:g}")
    return tuple(said)

"""What the table needs of a file that `nas covid pool`, or a baseline of several folds, wrote."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.data.xray.preprocess import XrayLabels, XrayPreprocess
from nas.errors import NasError
from nas.report.tables import epochs_text
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.spec.provenance import Provenance
from nas.spec.training import TrainingSpec, load_training
from nas.tasks.registry import task_named

Values = Mapping[str, Any]


@dataclass(frozen=True)
class MeasuredFolds:
    """Networks of one kind, one a fold, measured as one."""

    file: Path
    name: str
    model: str | None
    """Another library's, as architecture files name it; None for a network of our own blocks."""
    labels: XrayLabels
    setting: str
    """In words: input, epochs, steps, and the fold that the network was chosen on."""
    data: str
    folds: tuple[int, ...]
    pooled: Values
    """The metrics of all test splits together."""
    by_fold: tuple[float, ...]
    """The primary metric of each."""
    macs: int
    parameters: int
    minutes_per_fold: float
    """Of training, all steps, on average."""
    machine: str


def read_folds(file: Path) -> MeasuredFolds:
    """The folds in a file. Raises NasError for another file, for fewer than two, and for runs that
    are gone or that differ in more than the fold."""
    values = _json(file)
    if not {"task", "pooled", "folds", "data"} <= values.keys():
        raise NasError("is no file of `nas covid pool`", file=file)
    runs = [Path(fold["run"]) for fold in values["folds"]]
    if len(runs) < 2:
        raise NasError("holds fewer than two folds", file=file)
    metrics = [_json(run / "metrics.json") for run in runs]
    _refuse_unlike(file, runs, metrics)
    architecture, training = _spec(runs[0])
    preprocess = architecture.preprocess
    assert isinstance(preprocess, XrayPreprocess)  # as of every X-ray task
    first = task_named(values["task"]).primary_metric
    height, width = architecture.input.height, architecture.input.width
    size = f"{height} px" if height == width else f"{height}x{width} px"
    return MeasuredFolds(
        file=file,
        name=architecture.name,
        model=architecture.model,
        labels=preprocess.labels or "study",
        setting=", ".join([size, epochs_text(training.epochs), *_more(runs[0]), *_choice(runs)]),
        data=str(values["data"]),
        folds=tuple(fold["fold"] for fold in values["folds"]),
        pooled=values["pooled"],
        by_fold=tuple(fold["test"][first] for fold in values["folds"]),
        macs=metrics[0]["macs"],
        parameters=metrics[0]["parameters"],
        minutes_per_fold=sum(map(_minutes, runs)) / len(runs),
        machine=_machine(metrics[0]),
    )


def _json(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NasError("no such file", file=file) from None
    except (OSError, ValueError) as error:
        raise NasError(f"can't be read: {error}", file=file) from error
    if not isinstance(values, dict):
        raise NasError("holds no metrics", file=file)
    return values


def _spec(run: Path) -> tuple[ArchitectureSpec, TrainingSpec]:
    return load_architecture(run / "architecture.yaml"), load_training(run / "training.yaml")


def _refuse_unlike(file: Path, runs: list[Path], metrics: list[dict[str, Any]]) -> None:
    """Raise NasError where the folds' networks, or how they were trained, are not the same."""
    first = _spec(runs[0])[1], _more(runs[0])
    weights = [_aux_weight(run) for run in runs]
    known = next((weight for weight in weights if weight is not None), None)
    for run, values, weight in zip(runs, metrics, weights, strict=True):
        same = values["architecture_hash"] == metrics[0]["architecture_hash"]
        if not same or (_spec(run)[1], _more(run)) != first:
            raise NasError(f"{run} and {runs[0]} differ in more than the fold", file=file)
        if weight not in (None, known):
            raise NasError(
                f"{run} and {runs[0]} differ in more than the fold: in their students' aux_weight",
                file=file,
            )


def _aux_weight(run: Path) -> float | None:
    """Of the student that a run is built on; None without one, and where an older one is silent."""
    said = [_facts(step).aux_weight for step in _steps(run)]
    return next((weight for weight in said if weight is not None), None)


def _facts(run: Path) -> Provenance:
    return load_architecture(run / "architecture.yaml").provenance


def _choice(runs: list[Path]) -> list[str]:
    """The folds that the network was chosen on, if it was chosen on some."""
    architectures = [load_architecture(run / "architecture.yaml") for run in runs]
    found = (item.provenance.found_on_split_seed for item in architectures)
    folds = sorted({fold for fold in found if fold is not None})
    return [f"chosen on fold {' and '.join(map(str, folds))}"] if folds else []


def _more(run: Path) -> list[str]:
    """What else tells the training apart from a plain one."""
    facts = _facts(run)
    said = ["pretrained"] if facts.pretrained else []
    if facts.backbone_from:
        said.append("backbone from a classifier")
    return [*said, "three steps"] if len(_steps(run)) > 1 else said


def _steps(run: Path) -> list[Path]:
    """The runs that this one is built on and itself: those beside it, for a step of three."""
    return sorted(run.parent.glob("step-*")) if _facts(run).pipeline_step else [run]


def _minutes(run: Path) -> float:
    steps = [_json(step / "metrics.json") for step in _steps(run)]
    seconds: list[float] = [values["seconds_per_epoch"] * values["epochs"] for values in steps]
    return sum(seconds) / 60


def _machine(values: Values) -> str:
    """The processor and how much of it, or the device that is none."""
    if values["device"] != "cpu":
        return str(values["device"])
    cores = values["threads"]
    return f"{values['environment']['processor']}, {cores} {'core' if cores == 1 else 'cores'}"

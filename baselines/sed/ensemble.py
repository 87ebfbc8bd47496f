"""Several trained networks measured as one: the mean of their probabilities."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nas.errors import NasError
from nas.files import atomic_write_text
from nas.macs.count import MacsReport, count_macs
from nas.model.build import build_network
from nas.runs.folder import new_run_folder
from nas.spec.definition import ArchitectureSpec
from nas.tasks.base import Metrics
from nas.tasks.registry import task_named
from nas.train.data import load_measured_data
from nas.train.evaluation import refuse_other_splits, with_chosen_thresholds
from nas.train.loop import evaluate
from nas.train.plan import METRICS_FILE
from nas.train.source import made_otherwise, source_of
from nas.train.trained import TrainedNetwork, load_mean, save_ensemble


@dataclass(frozen=True, eq=False)
class EnsembleResult:
    """What an ensemble reaches, and what it costs."""

    trained: TrainedNetwork
    """With the thresholds that were chosen on validation."""
    source: str
    """Of the data that it was measured on."""
    validation: Metrics
    test: Metrics
    macs: int
    parameters: int


def load_members(runs: Sequence[Path], device: torch.device) -> TrainedNetwork:
    """The mean of the networks of at least two folders that a training of the `sed` task wrote.

    Raises NasError for a folder that is not whole, and for networks that don't go together.
    """
    if len(runs) < 2:
        raise NasError("an ensemble needs at least two runs", key="--ensemble")
    mean = load_mean(runs, device)
    if mean.architecture.task != "sed":
        raise NasError(f"is of the task {mean.architecture.task}, not sed", file=runs[0])
    return mean


def measure_ensemble(
    mean: TrainedNetwork,
    data: Path | None = None,
    *,
    groups: Path | None = None,
    strict: bool = False,
) -> EnsembleResult:
    """Thresholds from the validation split, then one look at the test split.

    `data` None are the data that the first network was trained on. Raises NasError for data with
    other classes or splits than those.
    """
    source = source_of(mean.architecture, data)
    refuse_other_splits(mean.members, source)
    loaded = load_measured_data(mean, source, ("validation", "test"), groups=groups, strict=strict)
    if made_otherwise(mean.architecture, source, loaded.split_digest):
        raise NasError("recordings came or went since the networks were trained", file=source)
    trained, validation = with_chosen_thresholds(mean, loaded)
    task = task_named(trained.architecture.task)
    test = evaluate(
        trained.network,
        loaded,
        task,
        "test",
        device=trained.device,
        thresholds=trained.thresholds,
    )
    costs = [_cost(member.architecture) for member in trained.members]
    return EnsembleResult(
        trained,
        loaded.source,
        validation,
        test,
        macs=sum(cost.total for cost in costs),
        parameters=sum(cost.parameters for cost in costs),
    )


def write_ensemble(result: EnsembleResult, out: Path | None) -> Path:
    """A new folder, `out` or `runs/sed-ensemble`, with the ensemble and its metrics in it."""
    folder = new_run_folder(out, "sed-ensemble")
    save_ensemble(folder, result.trained)
    text = json.dumps(ensemble_values(result), indent=2, allow_nan=False) + "\n"
    atomic_write_text(folder / METRICS_FILE, text)
    return folder


def ensemble_values(result: EnsembleResult) -> dict[str, Any]:
    """Plain values under the names that the metrics of a training run have."""
    architecture = result.trained.architecture
    return {
        "task": architecture.task,
        "ensemble": [
            {
                "run": str(member.run),
                "name": member.architecture.name,
                "model": member.architecture.model,
            }
            for member in result.trained.members
        ],
        "classes": list(architecture.classes),
        "width": architecture.input.width,
        "data": result.source,
        "split_seed": architecture.provenance.split_seed,
        "split_digest": architecture.provenance.split_digest,
        "test": result.test.with_intervals(),
        "validation": result.validation.with_intervals(),
        "thresholds": dict(result.trained.thresholds),
        "macs": result.macs,
        "parameters": result.parameters,
    }


def _cost(architecture: ArchitectureSpec) -> MacsReport:
    with torch.device("meta"):
        network = build_network(architecture)
    return count_macs(network, architecture.input.shape)

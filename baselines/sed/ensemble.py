"""Several trained networks measured as one: the mean of their probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nas.errors import NasError
from nas.macs.count import count_macs
from nas.model.ensemble import MeanNetwork
from nas.spec.definition import ArchitectureSpec
from nas.tasks.base import Metrics, TaskData, Thresholds
from nas.tasks.registry import task_named
from nas.train.loop import evaluate
from nas.train.source import groups_of, made_otherwise, source_of, split_seed_of
from nas.train.trained import TrainedNetwork, load_trained


@dataclass(frozen=True)
class Member:
    """A trained network and the folder that it comes from."""

    run: Path
    trained: TrainedNetwork

    @property
    def architecture(self) -> ArchitectureSpec:
        """Of the network."""
        return self.trained.architecture


@dataclass(frozen=True)
class EnsembleResult:
    """What an ensemble reaches, and what it costs."""

    validation: Metrics
    """On which the thresholds were chosen."""
    test: Metrics
    thresholds: Thresholds
    macs: int
    parameters: int


def load_members(runs: Sequence[Path], device: torch.device) -> tuple[Member, ...]:
    """The networks of at least two folders that a training of the `sed` task wrote.

    Raises NasError for a folder that is not whole, and for networks that don't go together.
    """
    if len(runs) < 2:
        raise NasError("an ensemble needs at least two runs", key="--ensemble")
    members = tuple(Member(run, load_trained(run, device)) for run in runs)
    if members[0].architecture.task != "sed":
        raise NasError(f"is of the task {members[0].architecture.task}, not sed", file=runs[0])
    for member in members[1:]:
        _check_alike(members[0], member)
    return members


def measure_ensemble(
    members: Sequence[Member], data: Path | None = None, *, strict: bool = False
) -> EnsembleResult:
    """Thresholds from the validation split, then one look at the test split.

    `data` None are the data that the networks were trained on. Raises NasError for data with other
    classes or splits than those.
    """
    first = members[0].trained
    task, size = task_named(first.architecture.task), first.architecture.input.shape
    loaded = _load(first.architecture, data, strict)
    network = MeanNetwork([member.trained.network for member in members], task.mean_outputs).eval()
    validation = evaluate(network, loaded, task, "validation", device=first.device)
    thresholds = task.thresholds_of(validation)
    settled = task.with_thresholds(loaded, thresholds)
    test = evaluate(network, settled, task, "test", device=first.device)
    costs = [count_macs(member.trained.network, size) for member in members]
    return EnsembleResult(
        validation,
        test,
        thresholds,
        macs=sum(cost.total for cost in costs),
        parameters=sum(cost.parameters for cost in costs),
    )


def ensemble_values(members: Sequence[Member], result: EnsembleResult) -> dict[str, Any]:
    """Plain values under the names that the metrics of a training run have."""
    architecture = members[0].architecture
    facts = ("data", "split_seed", "made_digest")
    return {
        "task": architecture.task,
        "ensemble": [
            {
                "run": str(member.run),
                "name": member.architecture.name,
                "model": member.architecture.model,
            }
            for member in members
        ],
        "classes": list(architecture.classes),
        "width": architecture.input.width,
        **{fact: architecture.provenance.get(fact) for fact in facts},
        "test": result.test.with_intervals(),
        "validation": result.validation.with_intervals(),
        "thresholds": dict(result.thresholds),
        "macs": result.macs,
        "parameters": result.parameters,
    }


def _load(architecture: ArchitectureSpec, data: Path | None, strict: bool) -> TaskData:
    source = source_of(architecture, data)
    loaded: TaskData = task_named(architecture.task).load_data(
        source,
        architecture.input,
        architecture.preprocess,
        splits=("validation", "test"),
        seed=split_seed_of(architecture),
        strict=strict,
        groups=groups_of(architecture, source, None),
    )
    if loaded.classes != architecture.classes:
        raise NasError(
            f"has the classes {', '.join(loaded.classes)}, but the networks were trained for "
            f"{', '.join(architecture.classes)}",
            file=loaded.source,
        )
    if made_otherwise(architecture, source, loaded.made_digest):
        raise NasError("recordings came or went since the networks were trained", file=source)
    return loaded


def _check_alike(first: Member, other: Member) -> None:
    """Raises NasError unless both take the same input, and learned from the same split."""
    a, b = first.architecture, other.architecture
    facts = ("data", "split_seed", "made_digest")
    for what, lead, own in (
        ("task", a.task, b.task),
        ("input", a.input.shape, b.input.shape),
        ("classes", a.classes, b.classes),
        ("preprocess", a.preprocess, b.preprocess),
        *((fact, a.provenance.get(fact), b.provenance.get(fact)) for fact in facts),
    ):
        if lead != own:
            problem = f"{what} differs from that of {first.run}: {own}, there {lead}"
            raise NasError(problem, file=other.run)

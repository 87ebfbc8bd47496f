"""What an exported file says of itself, within it and in the JSON file beside it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

import nas
from nas.macs.count import count_macs
from nas.spec.architecture import ArchitectureSpec, dump_architecture
from nas.spec.provenance import Provenance
from nas.tasks.registry import task_named
from nas.train.exported import output_names
from nas.train.trained import TrainedNetwork

Facts = dict[str, Any]
"""Plain values by name, as they stand in the JSON file."""


def file_facts(
    trained: TrainedNetwork,
    raw: Tensor,
    outputs: Sequence[Tensor],
    batch: str | int,
    *,
    normalises: bool,
    int8: bool,
) -> Facts:
    """All that a program needs to use the file, and `nas` to measure it again.

    Args:
        raw: Inputs of some samples, in the form that the file takes.
        outputs: The network's outputs for them, in the order of the task.
        batch: Number of samples that it takes, or a name for any.
        normalises: Whether scale, mean and deviation are in the file.
    """
    architecture = trained.architecture
    task = task_named(architecture.task)
    cost = count_macs(trained.network, architecture.input.shape)
    preprocess = architecture.preprocess
    names = output_names(task.output_type)
    return {
        "name": architecture.name,
        "task": task.name,
        "notice": task.notice,
        "inputs": [_port("input", raw, batch)],
        "outputs": [_port(name, part, batch) for name, part in zip(names, outputs, strict=True)],
        "classes": list(architecture.classes),
        "preprocess": None if preprocess is None else preprocess.model_dump(mode="json"),
        "normalises": normalises,
        "int8": int8,
        "thresholds": dict(trained.thresholds),
        "networks": len(trained.members),
        "macs": cost.total,
        "parameters": cost.parameters,
        "nas_version": nas.__version__,
        "architecture": dump_architecture(_portable(architecture)),
    }


def as_metadata(facts: Facts) -> dict[str, str]:
    """The facts as texts: JSON, but for what is a text already."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in facts.items()
    }


def _port(name: str, tensor: Tensor, batch: str | int) -> Facts:
    kind = str(tensor.dtype).removeprefix("torch.")
    return {"name": name, "type": kind, "shape": [batch, *tensor.shape[1:]]}


def _portable(architecture: ArchitectureSpec) -> ArchitectureSpec:
    """Without what only its run's folder knows: of the past the data and their splits are kept."""
    facts: Provenance = architecture.provenance.split_facts()
    return replace(architecture, begin=None, provenance=facts)

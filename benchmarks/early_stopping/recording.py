"""Trains networks of a space and writes down every epoch of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

from nas.data.dataset import AnyTaskData, DataRequest
from nas.macs.architecture import count_architecture
from nas.model.build import build_network
from nas.model.identity import architecture_hash
from nas.spec.architecture import dump_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.spec.trial import RandomTrial
from nas.tasks.base import Task
from nas.tasks.registry import task_named
from nas.train.checkpoint import EpochResult
from nas.train.device import seeded
from nas.train.loop import fit

CPU = torch.device("cpu")
BANDS = 6
"""Bands of equal width in log-MACs that the networks are spread over evenly."""
SURVEYED = 200
"""Random networks that the ends of these bands are taken from."""
SECOND_SEED_EVERY = 4
"""Of so many networks one is trained with another seed as well, which tells the noise."""


@dataclass(frozen=True)
class Draw:
    """A network and the parameters that it was drawn with."""

    params: dict[str, Any]
    architecture: ArchitectureSpec


def record(
    path: Path,
    space: SpaceSpec,
    data_folder: Path | None,
    *,
    count: int,
    seed: int,
    short_epochs: int,
) -> Iterator[str]:
    """Train random networks and add a line for each to the file; yields what came out.

    Without a folder the data are those that come with the installed packages.
    """
    task: Task[Any] = task_named(space.task)
    data: AnyTaskData | None = None
    for number, draw in enumerate(draw_spread(space, count, seed)):
        if data is None:
            data = task.load_data(
                DataRequest(data_folder, draw.architecture.input, space.preprocess)
            )
        named = replace(draw.architecture, classes=data.classes, preprocess=data.preprocess)
        plan = [(short_epochs, 0), (space.training.epochs, 0)]
        if number % SECOND_SEED_EVERY == 0:
            plan.append((space.training.epochs, 1))
        runs = [
            train_recorded(
                space.training.model_copy(update={"epochs": epochs, "seed": run_seed}), named, data
            )
            for epochs, run_seed in plan
        ]
        _write(path, draw.params, named, runs)
        finals = ", ".join(f"{max(run['history']):.4f}" for run in runs)
        yield f"{number + 1}/{count}: best of each training {finals}"


def draw_spread(space: SpaceSpec, count: int, seed: int) -> Iterator[Draw]:
    """Different networks, about as many in each band of MACs."""
    generator = np.random.default_rng(seed)
    survey = [space.sample(RandomTrial(generator)) for _ in range(SURVEYED)]
    low, high = np.quantile([_log_macs(item) for item in survey], [0.02, 0.98])
    edges = np.linspace(float(low), float(high), BANDS + 1)
    found, known = np.zeros(BANDS, int), set()
    while found.sum() < count:
        draw = RandomTrial(generator)
        architecture = space.sample(draw)
        band = int(np.searchsorted(edges, _log_macs(architecture))) - 1
        name = architecture_hash(architecture)
        if name not in known and 0 <= band < BANDS and found[band] <= found.min() + 1:
            known.add(name)
            found[band] += 1
            yield Draw(dict(draw.params), architecture)


def _log_macs(architecture: ArchitectureSpec) -> float:
    return float(np.log(count_architecture(architecture).total))


def train_recorded(
    training: TrainingSpec, architecture: ArchitectureSpec, data: AnyTaskData
) -> dict[str, Any]:
    """The validation metric of every epoch of one training, and what it took."""
    history: list[float] = []

    def on_epoch(result: EpochResult) -> None:
        history.append(result.validation.primary)

    wall, processor = perf_counter(), process_time()
    with seeded(training.seed, CPU):
        network = build_network(architecture)
    fit(network, data, task_named(architecture.task), training, device=CPU, on_epoch=on_epoch)
    return {
        "epochs": training.epochs,
        "seed": training.seed,
        "history": history,
        "seconds": perf_counter() - wall,
        "cpu_seconds": process_time() - processor,
    }


def _write(
    path: Path, params: dict[str, Any], architecture: ArchitectureSpec, runs: list[dict[str, Any]]
) -> None:
    report = count_architecture(architecture)
    row = {
        "params": params,
        "architecture": dump_architecture(architecture),
        "hash": architecture_hash(architecture),
        "macs": report.total,
        "parameters": report.parameters,
        "runs": runs,
    }
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")

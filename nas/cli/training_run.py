"""A training run in its folder: data, training, the one look at the test split, what is written."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import torch
from pydantic import JsonValue
from torch import nn

from nas.cli.training_lines import (
    cost_line,
    data_lines,
    epoch_line,
    source_line,
)
from nas.data.split_names import SPLITS
from nas.errors import NasError
from nas.files import atomic_write_text
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.model.identity import architecture_hash
from nas.report.evaluation import draw_evaluation, evaluation_lines
from nas.report.history_plot import plot_history
from nas.report.tables import seconds_text
from nas.report.tensorboard import CurveWriter
from nas.runs.environment import environment
from nas.spec.architecture import ArchitectureSpec, dump_architecture, load_architecture
from nas.spec.training import TrainingSpec, load_training
from nas.spec.yaml_text import block
from nas.tasks.base import Metrics, Task, TaskData
from nas.tasks.registry import task_named
from nas.train.checkpoint import EpochResult
from nas.train.device import seeded
from nas.train.failure import TrainingFailed
from nas.train.loop import FitResult, evaluate, fit
from nas.train.source import groups_of, made_otherwise, same_data, source_of, split_seed_of
from nas.train.trained import ARCHITECTURE_FILE, WEIGHTS_FILE
from nas.train.weights import save_weights

TRAINING_FILE = "training.yaml"
METRICS_FILE = "metrics.json"
CHECKPOINT_FILE = "checkpoint.pt"
LOG_FILE = "log.txt"

OTHER_SPLITS = (
    "files came or went in the data since, so the splits that are made from them are others: "
    "pictures of the test split may have been learned from"
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class RunPlan:
    """All that decides a run, before its data are read."""

    folder: Path
    architecture: ArchitectureSpec
    training: TrainingSpec
    source: Path | None
    groups: Path | None = None
    strict: bool = False
    pretrained: bool = False
    resumed: bool = False
    threads: int | None = None
    """Cores that PyTorch uses: another number rounds sums otherwise."""

    @classmethod
    def from_folder(cls, folder: Path) -> "RunPlan":
        """The plan of a run that was begun. Raises NasError if there is none, or it has ended."""
        if not (folder / ARCHITECTURE_FILE).exists() or not (folder / TRAINING_FILE).exists():
            raise NasError("no training run was begun here", file=folder)
        if (folder / METRICS_FILE).exists():
            raise NasError("this run is finished: see its metrics.json", file=folder)
        architecture = load_architecture(folder / ARCHITECTURE_FILE)
        facts = architecture.provenance
        threads = facts.get("threads")
        source = source_of(architecture, None)
        return cls(
            folder=folder,
            architecture=architecture,
            training=load_training(folder / TRAINING_FILE),
            source=source,
            groups=groups_of(architecture, source, None),
            strict=bool(facts.get("strict")),
            pretrained=bool(facts.get("pretrained")),
            resumed=True,
            threads=threads if isinstance(threads, int) else None,
        )


def carry_out(plan: RunPlan, device: torch.device) -> None:
    """Train, test once, and fill the folder. Raises NasError where the run can't go on."""
    start = perf_counter()
    say = _log_to(plan.folder / LOG_FILE)
    task = task_named(plan.architecture.task)
    say(source_line(plan.source, resumed=plan.resumed))
    data = _load(plan, task)
    architecture = _adopted(plan, task, data)
    for line in data_lines(data):
        say(line)
    if made_otherwise(plan.architecture, plan.source, data.made_digest):
        say(f"  WARNING: {OTHER_SPLITS}")
    if not plan.resumed:
        _write_plan(plan, architecture)
    with seeded(plan.training.seed, torch.device("cpu")):
        network = build_network(architecture, pretrained=plan.pretrained)
    cost = count_macs(network, architecture.input.shape)
    say(cost_line(architecture, cost, plan.training, device))
    fitted = _fit(network, data, task, plan, device, say)
    save_weights(network, plan.folder / WEIGHTS_FILE)
    test = evaluate(network, data, task, "test", device=device)
    values = {
        "test": test.with_intervals(),
        "validation": fitted.best_validation.with_intervals(),
        "macs": cost.total,
        "parameters": cost.parameters,
        "seconds_per_epoch": fitted.seconds_per_epoch,
        "seed": plan.training.seed,
        "epochs": len(fitted.history),
        "best_epoch": fitted.best_epoch,
        "task": task.name,
        "architecture_hash": architecture_hash(architecture),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "seconds": perf_counter() - start,
        "environment": environment(),
    }
    _draw(plan.folder, task, test, fitted)
    for line in ("", *evaluation_lines("test", task.first_metric, test)):
        say(line)
    say(f"{seconds_text(fitted.seconds_per_epoch)} an epoch; written to {plan.folder}")
    # Last: its presence says that the run is finished.
    atomic_write_text(plan.folder / METRICS_FILE, json.dumps(values, indent=2) + "\n")


def _fit(
    network: nn.Module,
    data: TaskData,
    task: Task[Any],
    plan: RunPlan,
    device: torch.device,
    say: Say,
) -> FitResult:
    best = -1.0

    def on_epoch(result: EpochResult) -> None:
        nonlocal best
        mark = "  *" if result.validation.first > best else ""
        best = max(best, result.validation.first)
        say(epoch_line(result, plan.training.epochs, task.first_metric) + mark)
        curves.epoch(
            result.epoch,
            task.first_metric,
            result.validation.first,
            train_loss=result.train_loss,
            learning_rate=result.learning_rate,
        )

    try:
        with CurveWriter(plan.folder / "tensorboard") as curves:
            return fit(
                network,
                data,
                task,
                plan.training,
                device=device,
                on_epoch=on_epoch,
                checkpoint=plan.folder / CHECKPOINT_FILE,
            )
    except TrainingFailed as failure:
        raise NasError(f"training failed: {failure.reason}", file=plan.folder) from failure
    except KeyboardInterrupt:
        say(f"stopped; go on with: nas train --resume {plan.folder}")
        raise


def _load(plan: RunPlan, task: Task[Any]) -> TaskData:
    """All three splits; normalised anew if the architecture was made on other data."""
    data: TaskData = task.load_data(
        plan.source,
        plan.architecture.input,
        plan.architecture.preprocess,
        splits=SPLITS,
        seed=split_seed_of(plan.architecture),
        strict=plan.strict,
        groups=plan.groups,
    )
    known = plan.architecture.preprocess is not None
    if known and not plan.resumed and not same_data(plan.architecture, plan.source):
        data = task.measure_normalisation(data)
    return data


def _adopted(plan: RunPlan, task: Task[Any], data: TaskData) -> ArchitectureSpec:
    """The architecture with these data's classes and preprocessing, and where it comes from."""
    if plan.resumed:
        if plan.architecture.classes != data.classes:
            raise NasError(
                f"the data have the classes {', '.join(data.classes)} now, but the run was begun "
                f"with {', '.join(plan.architecture.classes)}",
                file=plan.folder,
            )
        if made_otherwise(plan.architecture, plan.source, data.made_digest):
            raise NasError(f"{OTHER_SPLITS}; begin a new run", file=plan.folder)
        return plan.architecture
    architecture = plan.architecture.with_classes(data.classes)
    task.check_architecture(architecture)
    facts: dict[str, JsonValue] = {
        "data": data.source,
        "split_seed": split_seed_of(plan.architecture),
        "training_seed": plan.training.seed,
        "made_digest": data.made_digest,
        "groups": None if plan.groups is None else str(plan.groups),
        "strict": plan.strict,
        "pretrained": plan.pretrained,
        "threads": plan.threads,
        "commit": environment()["commit"],
    }
    return replace(
        architecture,
        preprocess=data.preprocess,
        provenance={**architecture.provenance, **facts},
    )


def _write_plan(plan: RunPlan, architecture: ArchitectureSpec) -> None:
    atomic_write_text(plan.folder / ARCHITECTURE_FILE, dump_architecture(architecture))
    training = block(plan.training.model_dump(mode="json")) + "\n"
    atomic_write_text(plan.folder / TRAINING_FILE, training)


def _draw(folder: Path, task: Task[Any], test: Metrics, fitted: FitResult) -> None:
    draw_evaluation(test, folder)
    plot_history(
        [result.train_loss for result in fitted.history],
        [result.validation.first for result in fitted.history],
        folder / "history.png",
        best_epoch=fitted.best_epoch,
        metric=task.first_metric,
    )


def _log_to(file: Path) -> Say:
    """A function that prints a line and keeps it."""

    def say(line: str) -> None:
        click.echo(line)
        with file.open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    return say

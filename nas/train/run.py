"""A training run in its folder: data, training, the one look at the test split, what is written."""

import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import torch
from torch import nn

from nas.cli.data_flags import other_fold_warning
from nas.errors import NasError
from nas.files import atomic_write_text
from nas.machine import environment
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.model.identity import architecture_hash
from nas.report.evaluation import draw_evaluation, evaluation_lines
from nas.report.history_plot import plot_history
from nas.report.lines import (
    cost_line,
    data_lines,
    epoch_line,
    made_words,
    round_line,
    source_line,
)
from nas.report.tables import seconds_text
from nas.report.tensorboard import CurveWriter
from nas.runs.folder import LOG_FILE, refuse_taken
from nas.tasks.base import Metrics, Task, TaskData
from nas.tasks.registry import task_named
from nas.train.checkpoint import EpochResult
from nas.train.data import OTHER_SPLITS, adopted, load_run_data
from nas.train.device import TrainingFailed, seeded
from nas.train.loop import FitResult, evaluate
from nas.train.plan import METRICS_FILE, RunPlan
from nas.train.pseudo_labelling import RoundResults, TrainingRound, fit_rounds
from nas.train.source import made_otherwise, split_seed_of
from nas.train.trained import WEIGHTS_FILE, save_thresholds
from nas.train.weights import save_weights

Say = Callable[[str], None]


def carry_out(
    plan: RunPlan,
    device: torch.device,
    *,
    task: Task[Any] | None = None,
    begin: Callable[[nn.Module], None] | None = None,
) -> None:
    """Train, test once, and fill the folder. Raises NasError where the run can't go on.

    `task` trains in place of the architecture's own, and `begin` changes the network that was built
    in place, before it is trained: a pipeline of several steps needs both.
    """
    start = perf_counter()
    if not plan.resumed:
        refuse_taken(plan.folder)  # another process may have been given the same empty folder
    say = _log_to(plan.folder / LOG_FILE)
    task = task or task_named(plan.architecture.task)
    say(source_line(task, plan.source, resumed=plan.resumed))
    data = load_run_data(plan, task, say)
    architecture = adopted(plan, task, data)
    for line in data_lines(data, made_words(task, split_seed_of(architecture))):
        say(line)
    if made_otherwise(plan.architecture, plan.source, data.split_digest):
        say(f"  WARNING: {OTHER_SPLITS}")
    if warning := other_fold_warning(architecture):
        say(f"  WARNING: {warning}")
    with seeded(plan.training.seed, torch.device("cpu")):
        network = build_network(architecture, pretrained=plan.pretrained)
    if begin is not None:
        begin(network)
    cost = count_macs(network, architecture.input.shape)
    if not plan.resumed:
        plan.write(architecture)  # from here on the folder holds a run
    facts = task.cost_facts(architecture, cost.total)
    say(cost_line(architecture, cost, facts, plan.training, device))
    fitted = _fit(network, data, task, plan, device, say)
    kept = fitted.kept.fitted
    save_weights(network, plan.folder / WEIGHTS_FILE)
    thresholds = task.thresholds_of(kept.best_validation)
    save_thresholds(plan.folder, thresholds)
    test = evaluate(network, data, task, "test", device=device, thresholds=thresholds)
    values = {
        "test": test.with_intervals(),
        "validation": kept.best_validation.with_intervals(),
        "macs": cost.total,
        **facts,
        "parameters": cost.parameters,
        "seconds_per_epoch": fitted.seconds_per_epoch,
        "seed": plan.training.seed,
        "epochs": len(kept.history),
        "best_epoch": kept.best_epoch,
        **_round_values(fitted, plan),
        "task": task.name,
        "architecture_hash": architecture_hash(architecture),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "seconds": perf_counter() - start,
        "environment": environment(),
    }
    _draw(plan.folder, task, test, kept)
    for line in ("", *evaluation_lines("test", task.primary_metric, test)):
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
) -> RoundResults:
    epochs, spec = plan.training.epochs, plan.training.pseudo_labelling
    best = -1.0

    def on_epoch(number: int, result: EpochResult) -> None:
        nonlocal best
        mark = "  *" if result.validation.primary > best else ""
        best = max(best, result.validation.primary)
        before = "" if spec is None else f"round {number}/{spec.rounds}  "
        say(before + epoch_line(result, epochs, task.primary_metric) + mark)
        curves.epoch(
            (number - 1) * epochs + result.epoch,
            task.primary_metric,
            result.validation.primary,
            train_loss=result.train_loss,
            learning_rate=result.learning_rate,
        )

    def on_round(done: TrainingRound) -> None:
        if spec is not None:
            say(round_line(done, spec, task.primary_metric))

    try:
        with CurveWriter(plan.folder / "tensorboard") as curves:
            return fit_rounds(
                network,
                data,
                task,
                plan.training,
                plan.folder,
                device=device,
                on_epoch=on_epoch,
                on_round=on_round,
            )
    except TrainingFailed as failure:
        raise NasError(f"training failed: {failure.reason}", file=plan.folder) from failure
    except KeyboardInterrupt:
        if plan.step is None:  # else the pipeline tells
            say(f"stopped; go on with: nas train --resume {plan.folder}")
        raise


def _round_values(fitted: RoundResults, plan: RunPlan) -> dict[str, Any]:
    """What each round reached and added; nothing for a run without rounds."""
    if plan.training.pseudo_labelling is None:
        return {}
    rounds = [
        {
            "round": item.number,
            "best_epoch": item.fitted.best_epoch,
            "validation": item.fitted.best_validation.as_json(),
            "added": None if item.added is None else dict(item.added),
        }
        for item in fitted.rounds
    ]
    return {"kept_round": fitted.kept.number, "rounds": rounds}


def _draw(folder: Path, task: Task[Any], test: Metrics, fitted: FitResult) -> None:
    draw_evaluation(test, folder)
    plot_history(
        [result.train_loss for result in fitted.history],
        [result.validation.primary for result in fitted.history],
        folder / "history.png",
        best_epoch=fitted.best_epoch,
        metric=task.primary_metric,
    )


def _log_to(file: Path) -> Say:
    """A function that prints a line and keeps it."""

    def say(line: str) -> None:
        click.echo(line)
        with file.open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    return say

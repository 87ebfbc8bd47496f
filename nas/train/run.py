"""A training run in its folder: data, training, the single test, the files that are written."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import nn

from nas.data.dataset import AnyTaskData
from nas.errors import NasError
from nas.files import atomic_write_text
from nas.machine import environment
from nas.macs.count import MacsReport, count_macs
from nas.model.build import build_network
from nas.model.identity import architecture_hash
from nas.model.weights import HUB
from nas.report.evaluation import draw_evaluation, evaluation_lines
from nas.report.figure import only_drawn
from nas.report.history_plot import plot_history
from nas.report.lines import (
    Say,
    also_to,
    begun_line,
    cost_line,
    data_lines,
    made_words,
    source_line,
)
from nas.report.tables import seconds_text
from nas.runs.folder import LOG_FILE, locked_run, refuse_taken
from nas.spec.architecture import ArchitectureSpec
from nas.tasks.base import Metrics, Task, Thresholds
from nas.tasks.recipe import recipe_for
from nas.tasks.registry import task_named
from nas.train.begin import begin_from, library_weights, load_beginning
from nas.train.data import (
    OTHER_SPLITS,
    adopted,
    data_request,
    load_run_data,
    other_fold_warning,
)
from nas.train.device import TrainingFailed, seeded, using_threads
from nas.train.fitting import Fitted, fit_run
from nas.train.loop import FitResult, evaluate
from nas.train.plan import METRICS_FILE, RunPlan
from nas.train.pseudo_labelling import CHECKPOINT_FILE
from nas.train.source import made_otherwise
from nas.train.teacher import Teacher
from nas.train.teaching import Teaching
from nas.train.trained import save_thresholds
from nas.train.weights import WEIGHTS_FILE, load_backbone, save_weights

Begin = Callable[[nn.Module], None]
"""Changes a network that was built in place, before it is trained."""


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """Result of a finished run; `nas.load_trained(result.folder)` loads the network."""

    folder: Path
    """Holds architecture.yaml, model.safetensors, metrics.json and what else was written."""
    architecture: ArchitectureSpec
    """With the classes and the preprocessing of the data, and where it comes from."""
    test: Metrics
    """On the test split, looked at once, with the weights of the best epoch."""
    validation: Metrics
    """Of the best epoch."""
    thresholds: Thresholds
    """Chosen on the validation split by class; empty where the task has none."""
    macs: int
    """Multiply-adds of one sample's forward pass."""
    parameters: int
    epochs: int
    best_epoch: int
    """Counted from 1."""
    seconds_per_epoch: float
    """Wall-clock, validation included."""


def run_plan(plan: RunPlan, device: torch.device, *, say: Say = print) -> TrainingResult:
    """Carry out a plan, its folder held for this process. Raises NasError as `run_training`."""
    with locked_run(plan.folder):
        return carry_out(plan, device, say=say)


def carry_out(
    plan: RunPlan,
    device: torch.device,
    *,
    task: Task[Any] | None = None,
    begin: Begin | None = None,
    say: Say = print,
) -> TrainingResult:
    """Train, test once, and fill the plan's folder, which the caller holds (`locked_run`).

    `task` trains in place of the architecture's own, and `begin` changes the network before it is
    trained: a pipeline of several steps needs both. Raises NasError where the run can't go on.
    """
    start = perf_counter()
    if not plan.resumed:
        refuse_taken(plan.folder)  # another process may have been given the same empty folder
    say = also_to(plan.folder / LOG_FILE, say)
    task = task or task_named(plan.architecture.task)
    with using_threads(plan.threads):
        return _Run.begun(plan, task, device, say, start).carry_out(begin)


def train_untested(plan: RunPlan, device: torch.device, *, say: Say = print) -> None:
    """Train, and fill the plan's folder but for the test: its test split is not even opened.

    Raises NasError as `run_training`.
    """
    start = perf_counter()
    with locked_run(plan.folder):
        if not plan.resumed:
            refuse_taken(plan.folder)
        told = also_to(plan.folder / LOG_FILE, say)
        with using_threads(plan.threads):
            run = _Run.begun(plan, task_named(plan.architecture.task), device, told, start)
            run.finish(run.train(None), None)


@dataclass(frozen=True, eq=False)
class _Trained:
    """A network after its training, and what it was trained on."""

    network: nn.Module
    data: AnyTaskData
    architecture: ArchitectureSpec
    cost: MacsReport
    facts: Mapping[str, float]
    fitted: Fitted


@dataclass(frozen=True, eq=False)
class _Run:
    """State of a running training that its steps share."""

    plan: RunPlan
    """With what the data chose of the settings."""
    task: Task[Any]
    data: AnyTaskData
    architecture: ArchitectureSpec
    """With the classes of the data."""
    device: torch.device
    say: Say
    start: float
    """When it began, on the clock of `perf_counter`."""

    @classmethod
    def begun(
        cls, plan: RunPlan, task: Task[Any], device: torch.device, say: Say, start: float
    ) -> "_Run":
        """The run once its data are read; remarks on them are said."""
        data, architecture = _read(plan, task, say)
        recipe = recipe_for(task, plan.training, data, built_in=plan.source is None)
        for line in recipe.lines:
            say(f"  {line}")
        plan = replace(plan, training=recipe.training)
        return cls(plan, task, data, architecture, device, say, start)

    def carry_out(self, begin: Begin | None) -> TrainingResult:
        """Train, and test once."""
        plan, task, say = self.plan, self.task, self.say
        done = self.train(begin)
        fitted = done.fitted
        thresholds = task.thresholds_of(fitted.validation)
        test = evaluate(
            done.network, done.data, task, "test", device=self.device, thresholds=thresholds
        )
        for line in ("", *evaluation_lines("test", task.primary_metric, test)):
            say(line)
        self.finish(done, test)
        return TrainingResult(
            folder=plan.folder,
            architecture=done.architecture,
            test=test,
            validation=fitted.validation,
            thresholds=thresholds,
            macs=done.cost.total,
            parameters=done.cost.parameters,
            epochs=len(fitted.kept.history),
            best_epoch=fitted.kept.best_epoch,
            seconds_per_epoch=fitted.rounds.seconds_per_epoch,
        )

    def train(self, begin: Begin | None) -> _Trained:
        """All before the test; its weights and thresholds are in the folder then."""
        plan, task, data, architecture = self.plan, self.task, self.data, self.architecture
        network = self._build(architecture, begin)
        cost = count_macs(network, architecture.input.shape)
        if architecture.model is not None:
            task.check_network(network, architecture, training=True)
        if not plan.resumed:
            plan.write(architecture)  # from here on the folder holds a run
        facts = task.cost_facts(architecture, cost.total)
        self.say(
            cost_line(
                architecture,
                cost,
                facts,
                plan.training,
                device=str(self.device),
                threads=torch.get_num_threads(),
            )
        )
        fitted = self._fit(network, data, self._teaching(data))
        save_weights(network, plan.folder / WEIGHTS_FILE)
        save_thresholds(plan.folder, task.thresholds_of(fitted.validation))
        return _Trained(network, data, architecture, cost, facts, fitted)

    def finish(self, done: _Trained, test: Metrics | None) -> None:
        """Write what came of it; `test` None is of a run without a test."""
        folder, fitted = self.plan.folder, done.fitted
        self.say(f"{seconds_text(fitted.rounds.seconds_per_epoch)} an epoch; written to {folder}")
        values = self._values(done, test)
        # Its presence says that the run is finished; pictures show no more than is in it.
        text = json.dumps(values, indent=2, allow_nan=False) + "\n"
        atomic_write_text(folder / METRICS_FILE, text)
        with only_drawn(folder / "history.png"):
            _draw_history(folder, self.task, fitted.kept)
        if test is not None:
            draw_evaluation(test, folder)

    def _build(self, architecture: ArchitectureSpec, begin: Begin | None) -> nn.Module:
        """The network with its first weights."""
        plan = self.plan
        with seeded(plan.training.seed, torch.device("cpu")):
            network = build_network(
                architecture,
                pretrained=plan.pretrained or _published(architecture),
                weights=library_weights(architecture),
            )
        resumed = (plan.folder / CHECKPOINT_FILE).exists()  # a checkpoint holds the weights already
        if not resumed and (found := load_beginning(architecture)) is not None:
            cut = begin_from(found.network, architecture, network)
            self.say(begun_line(architecture, cut.blocks, cut.of_blocks))
        if plan.backbone_from is not None and not resumed:
            load_backbone(network, plan.backbone_from)
        if begin is not None:
            begin(network)
        return network

    def _teaching(self, data: AnyTaskData) -> Teaching | None:
        """What teaches the network; trained now if it is not yet."""
        plan = self.plan
        if plan.teacher is None:
            return None
        if plan.teacher.architecture is not None:
            from nas.train.teacher_run import Preparation, train_teacher

            facts = Preparation.of_plan(plan, data)
            train_teacher(plan.teacher, facts, self.device, say=self.say)
        teacher = Teacher(plan.teacher, self.task, data_request(plan), self.device)
        teacher.check(data)
        self.say(teacher.line())
        return Teaching(teacher, data, kept_in=plan.soft_targets)

    def _fit(self, network: nn.Module, data: AnyTaskData, teaching: Teaching | None) -> Fitted:
        plan = self.plan
        try:
            return fit_run(
                network,
                data,
                self.task,
                plan.training,
                plan.folder,
                device=self.device,
                teaching=teaching,
                say=self.say,
            )
        except TrainingFailed as failure:
            raise NasError(f"training failed: {failure.reason}", file=plan.folder) from failure
        except KeyboardInterrupt:
            if plan.step is None:  # else the pipeline tells
                self.say(f"stopped; go on with: nas train --resume {plan.folder}")
            raise

    def _values(self, done: "_Trained", test: Metrics | None) -> dict[str, Any]:
        """Content of `metrics.json`."""
        return {
            **({} if test is None else {"test": test.with_intervals()}),
            "validation": done.fitted.validation.with_intervals(),
            "macs": done.cost.total,
            **done.facts,
            "parameters": done.cost.parameters,
            "seed": self.plan.training.seed,
            **done.fitted.as_json(),
            "task": self.task.name,
            "architecture_hash": architecture_hash(done.architecture),
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "seconds": perf_counter() - self.start,
            "environment": environment(),
        }


def _read(plan: RunPlan, task: Task[Any], say: Say) -> tuple[AnyTaskData, ArchitectureSpec]:
    """The data, and the architecture with their classes; remarks on them are said."""
    say(source_line(task, plan.source, resumed=plan.resumed))
    data = load_run_data(plan, task, say)
    architecture = adopted(plan, task, data)
    for line in data_lines(data, made_words(task, architecture.provenance.split_seed)):
        say(line)
    if made_otherwise(plan.architecture, plan.source, data.split_digest):
        say(f"  WARNING: {OTHER_SPLITS}")
    if warning := other_fold_warning(architecture):
        say(f"  WARNING: {warning}")
    return data, architecture


def _published(architecture: ArchitectureSpec) -> bool:
    """Whether another library's network begins with its published weights."""
    begin = architecture.begin
    return architecture.model is not None and begin is not None and begin.weights == HUB


def _draw_history(folder: Path, task: Task[Any], fitted: FitResult) -> None:
    plot_history(
        [result.train_loss for result in fitted.history],
        [result.validation.primary for result in fitted.history],
        folder / "history.png",
        best_epoch=fitted.best_epoch,
        metric=task.primary_metric,
    )

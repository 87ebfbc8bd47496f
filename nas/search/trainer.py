"""Trains the candidates of one worker, and tells the study what came of each."""

import time
import traceback
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import TrialState
from torch import nn

from nas.errors import NasError
from nas.model.build import build_network
from nas.report.tensorboard import CurveWriter, TrialBoard
from nas.runs.folder import append_log
from nas.search.candidates import Proposal
from nas.search.course import Course
from nas.search.settings import SearchSettings
from nas.search.stopping.plan import plan_stops
from nas.search.trials import StudyRecords, note_outcome
from nas.spec.architecture import dump_architecture
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.space import SpaceSpec
from nas.tasks.base import Task, TaskData
from nas.train.checkpoint import EpochResult
from nas.train.device import choose_device, seeded
from nas.train.failure import TrainingFailed, memory_watched
from nas.train.inherit import Donors
from nas.train.loop import FitResult, fit

MAX_REASON = 500
"""Characters of a failure's reason that are kept."""


class CandidateTrainer:
    """Trains candidates; keeps the data of each input size."""

    def __init__(
        self, folder: Path, settings: SearchSettings, space: SpaceSpec, task: Task[Any]
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.space = space
        self.task = task
        self.device = choose_device(settings.device)
        self.board = TrialBoard(folder / "tensorboard")
        self.plan = plan_stops(settings.search, settings.training.epochs)
        self.donors = (
            Donors(folder / "weights", partial(append_log, folder))
            if settings.search.inherit
            else None
        )
        self._data: dict[InputSpec, TaskData] = {}

    def train(self, study: optuna.Study, proposal: Proposal) -> None:
        """Train one candidate and tell the study; a failure is written down with its reason."""
        trial, records = proposal.trial, StudyRecords(study)
        course = Course(trial.number, proposal.candidate, self.plan.rule, records)
        start = time.perf_counter()
        try:
            data = self._load(proposal.architecture.input)
            start = time.perf_counter()  # of the network alone: the next one finds the data loaded
            processor_start = time.process_time()
            architecture = replace(proposal.architecture, preprocess=data.preprocess)
            self._run(course, architecture, data)
        except Exception as error:  # a fault in one network must not end the search
            self._fail(study, trial, error, course, time.perf_counter() - start)
            return
        timing = {"seconds": round(time.perf_counter() - start, 3)}
        if self.device.type == "cpu":  # which tells networks apart whatever else the machine does
            timing["processor_seconds"] = round(time.process_time() - processor_start, 3)
        _note_course(trial, course, architecture=dump_architecture(architecture), **timing)
        study.tell(trial, [proposal.candidate.macs, course.value])

    def _run(self, course: Course, architecture: ArchitectureSpec, data: TaskData) -> None:
        """The short training, and then the full one if the rule lets it; the course tells of both.

        The full training begins anew: as if there had been no short one.
        """
        short_epochs, epochs = self.plan.short_epochs, self.settings.training.epochs
        with self.board.trial(course.number, course.candidate.architecture_yaml) as board:
            if short_epochs:
                self._fit(course, architecture, data, board, short_epochs, short=True)
                course.judge()
            if not course.verdict.stop:
                result = self._fit(course, architecture, data, board, epochs, short=False)
                course.measured = None if course.verdict.stop else result.best_validation
            tell = board.stopped if course.verdict.stop else board.result
            tell(course.candidate.macs, self.task.first_metric, course.value)

    def _fit(
        self,
        course: Course,
        architecture: ArchitectureSpec,
        data: TaskData,
        board: CurveWriter,
        epochs: int,
        *,
        short: bool,
    ) -> FitResult:
        """Build the network and train it for so many epochs with a schedule of that length."""
        training = self.settings.training.model_copy(update={"epochs": epochs})

        def on_epoch(result: EpochResult) -> bool:
            course.take_in(result, self.task.first_metric, board, short=short)
            return not short and result.epoch < epochs and course.judge()

        network = self._build(course, architecture)
        result = fit(network, data, self.task, training, device=self.device, on_epoch=on_epoch)
        if self.donors is not None and not short and not course.verdict.stop:
            self.donors.keep(architecture, network, result.best_validation.first)
        return result

    def _build(self, course: Course, architecture: ArchitectureSpec) -> nn.Module:
        """The network that a training begins with, the same each time but for what it inherits."""
        with (
            seeded(self.settings.training.seed, self.device),
            memory_watched("building the network"),
        ):
            network = build_network(architecture)
        if self.donors is not None:
            course.inherited = self.donors.start(architecture, network)
        return network

    def _load(self, size: InputSpec) -> TaskData:
        if size not in self._data:
            self._data[size] = load_search_data(self.task, self.space, self.settings, size)
        return self._data[size]

    def _fail(
        self,
        study: optuna.Study,
        trial: optuna.Trial,
        error: Exception,
        course: Course,
        seconds: float,
    ) -> None:
        reason = reason_of(error)
        append_log(self.folder, f"trial {trial.number} failed: {reason}")
        if not isinstance(error, TrainingFailed | NasError):
            append_log(self.folder, "".join(traceback.format_exception(error)))
        note_outcome(
            trial, "failed", seconds=round(seconds, 3), reason=reason, epochs=course.epochs
        )
        study.tell(trial, state=TrialState.FAIL)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _note_course(trial: optuna.Trial, course: Course, **values: Any) -> None:
    """Write down a course that came to its end, or that the rule ended."""
    known: dict[str, Any] = {
        "history": course.full,
        "short_history": course.short,
        "epochs": course.epochs,
    }
    if course.inherited is not None:
        known["inherited"] = asdict(course.inherited)
    if course.measured is not None:
        measured = {
            "metrics": course.measured.as_json(),
            "validation_sd": course.measured.first_sd,
        }
        note_outcome(trial, "trained", **measured, **known, **values)
        return
    note_outcome(
        trial,
        "stopped",
        predicted=course.verdict.predicted,
        predicted_sd=course.verdict.sd,
        reason=course.verdict.because,
        **known,
        **values,
    )


def reason_of(error: Exception) -> str:
    """What is kept of an error that ended a training."""
    if isinstance(error, TrainingFailed | NasError):
        return str(error)[:MAX_REASON]
    return f"{type(error).__name__}: {error}"[:MAX_REASON]


def load_search_data(
    task: Task[Any], space: SpaceSpec, settings: SearchSettings, size: InputSpec
) -> TaskData:
    """Training and validation data at one input size; a search never asks for the test split."""
    data: TaskData = task.load_data(
        None if settings.data is None else Path(settings.data),
        size,
        space.preprocess,
        splits=("train", "validation"),
        seed=settings.split_seed,
        strict=settings.strict,
        groups=None if settings.groups is None else Path(settings.groups),
    )
    return data

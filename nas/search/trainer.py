"""Trains the candidates of one worker, and tells the study what came of each."""

import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import TrialState

from nas.errors import NasError
from nas.model.build import build_network
from nas.report.tensorboard import TrialBoard
from nas.runs.folder import append_log
from nas.search.candidates import Proposal
from nas.search.settings import SearchSettings
from nas.search.trials import note_outcome
from nas.spec.architecture import dump_architecture
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.space import SpaceSpec
from nas.tasks.base import Task, TaskData
from nas.train.checkpoint import EpochResult
from nas.train.device import choose_device, seeded
from nas.train.failure import TrainingFailed, memory_watched
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
        self._data: dict[InputSpec, TaskData] = {}

    def train(self, study: optuna.Study, proposal: Proposal) -> None:
        """Train one candidate and tell the study; a failure is written down with its reason."""
        start = time.perf_counter()
        history: list[float] = []
        try:
            data = self._load(proposal.architecture.input)
            start = time.perf_counter()  # of the network alone: the next one finds the data loaded
            architecture = replace(proposal.architecture, preprocess=data.preprocess)
            result = self._fit(proposal, architecture, data, history)
        except Exception as error:  # a fault in one network must not end the search
            self._fail(study, proposal.trial, error, time.perf_counter() - start)
            return
        note_outcome(
            proposal.trial,
            "trained",
            seconds=round(time.perf_counter() - start, 3),
            history=history,
            metrics=result.best_validation.as_json(),
            architecture=dump_architecture(architecture),
        )
        study.tell(proposal.trial, [proposal.candidate.macs, result.best_validation.first])

    def _fit(
        self,
        proposal: Proposal,
        architecture: ArchitectureSpec,
        data: TaskData,
        history: list[float],
    ) -> FitResult:
        """Build and train the network; `history` gets the metric of each epoch."""
        training, metric = self.settings.training, self.task.first_metric
        text = proposal.candidate.architecture_yaml

        def on_epoch(result: EpochResult) -> None:
            history.append(result.validation.first)
            curves.epoch(
                result.epoch,
                metric,
                result.validation.first,
                train_loss=result.train_loss,
                learning_rate=result.learning_rate,
            )

        with self.board.trial(proposal.trial.number, text) as curves:
            with seeded(training.seed, self.device), memory_watched("building the network"):
                network = build_network(architecture)
            result = fit(network, data, self.task, training, device=self.device, on_epoch=on_epoch)
            curves.result(proposal.candidate.macs, metric, result.best_validation.first)
        return result

    def _load(self, size: InputSpec) -> TaskData:
        if size not in self._data:
            self._data[size] = load_search_data(self.task, self.space, self.settings, size)
        return self._data[size]

    def _fail(
        self, study: optuna.Study, trial: optuna.Trial, error: Exception, seconds: float
    ) -> None:
        reason = _reason(error)
        append_log(self.folder, f"trial {trial.number} failed: {reason}")
        if not isinstance(error, TrainingFailed | NasError):
            append_log(self.folder, "".join(traceback.format_exception(error)))
        note_outcome(trial, "failed", seconds=round(seconds, 3), reason=reason)
        study.tell(trial, state=TrialState.FAIL)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _reason(error: Exception) -> str:
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

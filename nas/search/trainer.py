"""Training of one worker's candidates, with the results told to the study."""

import math
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from torch import nn

from nas.data.dataset import AnyTaskData
from nas.report.tensorboard import CurveWriter, TrialBoard
from nas.runs.costs import MACS_KIND
from nas.runs.folder import append_log
from nas.search.candidates import Proposal
from nas.search.data import SearchData
from nas.search.objective import TrainedCandidate
from nas.search.settings import SearchSettings, objectives_of
from nas.search.shared import SearchShared
from nas.search.stopping.plan import plan_stops
from nas.search.teacher import SearchTeacher
from nas.search.trial_run import TrialRun
from nas.search.trials import StudyRecords, note_costs, note_failure, note_outcome
from nas.spec.architecture import dump_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import SpaceSpec
from nas.tasks.base import Task
from nas.train.begin import build_begun
from nas.train.checkpoint import EpochResult
from nas.train.device import TrainingFailed, choose_device
from nas.train.inherit import Donors
from nas.train.loop import FitResult, fit
from nas.train.teacher import Spent

MEASURED_SHARED = "measured with shared weights"
"""What a trial that was not trained by itself says of its metric."""


class CandidateTrainer:
    """Trains candidates for one worker."""

    def __init__(
        self, folder: Path, settings: SearchSettings, space: SpaceSpec, task: Task[Any]
    ) -> None:
        self.objectives = objectives_of(settings, task.primary_metric)
        self.folder = folder
        self.settings = settings
        self.task = task
        self.device = choose_device(settings.device)
        self.board = TrialBoard(folder / "tensorboard")
        axis = self.objectives.axis.kind if self.objectives.axis_is_known else MACS_KIND
        self.plan = plan_stops(settings.search, settings.training.epochs, axis)
        self.donors = (
            Donors(folder / "weights", partial(append_log, folder))
            if settings.search.inherit
            else None
        )
        self.data = SearchData(task, space, settings)
        self.teacher = SearchTeacher(folder, settings, self.data, self.device)
        self.shared = SearchShared.of(folder, settings, space)

    def train(self, study: optuna.Study, proposal: Proposal) -> None:
        """Train one candidate and tell the study; a failure is written down with its reason."""
        trial, records = proposal.trial, StudyRecords(study)
        rule, goals = self.plan.rule, self.objectives
        run = TrialRun(trial.number, proposal.candidate, rule, records, goals)
        start = time.perf_counter()
        try:
            data = self.data.at(proposal.architecture.input)
            self._load(data)
            start = time.perf_counter()  # of the network alone: the next one finds the data loaded
            begun, asked = Spent.now(), self.teacher.spent
            architecture = replace(proposal.architecture, preprocess=data.preprocess)
            self._run(run, architecture, data)
            timing = self._timing(Spent.now().since(begun).since(self.teacher.spent.since(asked)))
            measured = self._measured(run, architecture)
        except Exception as error:  # a fault in one network must not end the search
            seconds = round(time.perf_counter() - start, 3)
            known = {"seconds": seconds, "epochs": run.epochs}
            note_failure(self.folder, study, trial, f"trial {trial.number}", error, **known)
            return
        note_costs(trial, measured)
        _note_run(trial, run, architecture=dump_architecture(architecture), **timing)
        study.tell(trial, goals.values({**proposal.candidate.costs, **measured}, run.value))

    def _load(self, data: AnyTaskData) -> None:
        """Load what later candidates find loaded: the teacher, or the shared network."""
        if self.shared is None:
            self.teacher.of(data)
        else:
            self.shared.load()

    def _timing(self, spent: Spent) -> dict[str, float]:
        """By name, without what the teacher took: the next network finds its outputs kept."""
        timing = {"seconds": round(spent.seconds, 3)}
        if self.device.type == "cpu":  # which tells networks apart whatever else the machine does
            timing["processor_seconds"] = round(spent.processor_seconds, 3)
        return timing

    def _measured(self, run: TrialRun, architecture: ArchitectureSpec) -> dict[str, float]:
        """The costs that are known only now, by name."""
        metrics = run.measured or run.last
        if run.network is None or metrics is None:
            raise ValueError(f"trial {run.number}: nothing was trained")
        subject = TrainedCandidate(architecture, run.network.eval(), self.device)
        after = {item.name: item.of(subject) for item in self.objectives.after_training}
        measured = self.objectives.measured(metrics) | after
        for name, value in measured.items():
            if not math.isfinite(value):
                problem = f"the objective {name} gave {value}, which is no finite number"
                raise TrainingFailed(problem)
        return measured

    def _run(self, run: TrialRun, architecture: ArchitectureSpec, data: AnyTaskData) -> None:
        """The short training, and then the full one if the rule lets it; the run tells of both.

        The full training begins anew: as if there had been no short one. With a shared network
        there is neither, but a measurement.
        """
        short_epochs, epochs = self.plan.short_epochs, self.settings.training.epochs
        with self.board.trial(run.number, run.candidate.architecture_yaml) as board:
            if self.shared is not None:
                run.network, run.measured = self.shared.measure(architecture, data)
            elif short_epochs:
                self._fit(run, architecture, data, board, short_epochs, short=True)
                run.judge()
            if run.measured is None and not run.verdict.stop:
                result = self._fit(run, architecture, data, board, epochs, short=False)
                run.measured = None if run.verdict.stop else result.best_validation
            tell = board.stopped if run.verdict.stop else board.result
            counted = [item.name for item in self.objectives.costs if item.known == "before"]
            known = {name: run.candidate.costs[name] for name in counted}
            tell(known, self.task.primary_metric, run.value)

    def _fit(
        self,
        run: TrialRun,
        architecture: ArchitectureSpec,
        data: AnyTaskData,
        board: CurveWriter,
        epochs: int,
        *,
        short: bool,
    ) -> FitResult:
        """Build the network and train it for so many epochs with a schedule of that length."""
        training = self.settings.training.model_copy(update={"epochs": epochs})

        def on_epoch(result: EpochResult) -> bool:
            run.take_in(result, self.task.primary_metric, board, short=short)
            return not short and result.epoch < epochs and run.judge()

        network = self._build(run, architecture)
        result = fit(
            network,
            data,
            self.task,
            training,
            device=self.device,
            on_epoch=on_epoch,
            teaching=self.teacher.of(data),
        )
        if self.donors is not None and not short and not run.verdict.stop:
            self.donors.keep(architecture, network, result.best_validation.primary)
        return result

    def _build(self, run: TrialRun, architecture: ArchitectureSpec) -> nn.Module:
        """The network that a training begins with, the same each time but for what it inherits."""
        network = build_begun(architecture, self.settings.training.seed, self.device)
        if self.donors is not None:
            run.inherited = self.donors.start(architecture, network)
        run.network = network
        return network


def _note_run(trial: optuna.Trial, run: TrialRun, **values: Any) -> None:
    """Write down a run that came to its end, or that the rule ended."""
    known: dict[str, Any] = {
        "history": run.full,
        "short_history": run.short,
        "epochs": run.epochs,
    }
    if run.inherited is not None:
        known["inherited"] = asdict(run.inherited)
    if not run.epochs:
        known["reason"] = MEASURED_SHARED
    if run.measured is not None:
        measured = {
            "metrics": run.measured.as_json(),
            "validation_sd": run.measured.primary_sd,
        }
        note_outcome(trial, "trained", **measured, **known, **values)
        return
    note_outcome(
        trial,
        "stopped",
        predicted=run.verdict.predicted,
        predicted_sd=run.verdict.sd,
        reason=run.verdict.because,
        **known,
        **values,
    )

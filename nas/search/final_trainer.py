"""Training of finalists with further random seeds, with the results told to their study."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from nas.data.dataset import AnyTaskData
from nas.report.tensorboard import TrialBoard
from nas.runs.costs import MACS
from nas.runs.records import TrialRecord
from nas.search.data import SearchData
from nas.search.estimates import Posterior, study_posterior
from nas.search.final_study import claim_final
from nas.search.finalists import Final, next_final
from nas.search.lost import dropped_if_lost, while_others_run
from nas.search.objective import Objectives
from nas.search.settings import SearchSettings, objectives_of
from nas.search.shared import SearchShared
from nas.search.store import StudyStore
from nas.search.teacher import SearchTeacher
from nas.search.trials import note_failure, note_outcome, records_of
from nas.spec.architecture import parse_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import SpaceSpec
from nas.tasks.base import Task
from nas.train.begin import build_begun
from nas.train.checkpoint import EpochResult
from nas.train.device import choose_device
from nas.train.loop import FitResult, fit


@dataclass(frozen=True)
class Found:
    """Results of the search, which don't change while finalists are trained."""

    records: tuple[TrialRecord, ...]
    posterior: Posterior

    @classmethod
    def of(cls, study: optuna.Study, objectives: Objectives) -> "Found":
        return cls(records_of(study), study_posterior(study, objectives))

    def record(self, number: int) -> TrialRecord:
        """The record of a trial."""
        return next(item for item in self.records if item.number == number)


class FinalTrainer:
    """Trains finalists for one worker."""

    def __init__(
        self,
        folder: Path,
        settings: SearchSettings,
        space: SpaceSpec,
        task: Task[Any],
        found: Found,
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.task = task
        self.found = found
        self.objectives = objectives_of(settings, task.primary_metric)
        self.device = choose_device(settings.device)
        self.board = TrialBoard(folder / "tensorboard")
        self.data = SearchData(task, space, settings)
        self.teacher = SearchTeacher(folder, settings, self.data, self.device)
        self.shared = SearchShared.of(folder, settings, space)

    def run(self, store: StudyStore, deadline: float | None) -> None:
        """Train until no training is wanted any more, or the time is up.

        A request to finish that comes meanwhile may want fewer finalists, or none.
        """

        def decide(begun: Any) -> Final | None:
            until = store.deadline(deadline)
            if until is not None and time.monotonic() >= until:
                return None
            asked = store.finishing()
            return next_final(
                self.found.records,
                self.found.posterior,
                begun,
                self.settings if asked is None else asked.applied_to(self.settings),
                objectives=self.objectives,
            )

        finals = store.finals()
        for trial, final in while_others_run(
            store, finals, lambda: claim_final(store, finals, decide)
        ):
            with dropped_if_lost(self.folder, finals, trial):
                self.train(finals, trial, final)

    def train(self, finals: optuna.Study, trial: optuna.Trial, final: Final) -> None:
        """One training; a failure is written down with its reason."""
        record = self.found.record(final.trial)
        start = time.perf_counter()
        try:
            architecture = parse_architecture(record.architecture_yaml or "", self.folder)
            data = self.data.at(architecture.input)
            start = time.perf_counter()  # of the network alone, as in the search
            result = self._fit(final, architecture, data, record)
        except Exception as error:  # the other finalists can still be trained
            name = f"trial {final.trial}, seed {final.seed}"
            note_failure(self.folder, finals, trial, name, error)
            return
        best = result.best_validation  # as in the search: one scale for all that is compared
        note_outcome(
            trial,
            "trained",
            seconds=round(time.perf_counter() - start, 3),
            history=[item.validation.primary for item in result.history],
            metrics=best.as_json(),
            validation_sd=best.primary_sd,
        )
        finals.tell(trial, [record.macs or 0, best.primary])

    def _fit(
        self, final: Final, architecture: ArchitectureSpec, data: AnyTaskData, record: TrialRecord
    ) -> FitResult:
        training = self.settings.training.model_copy(
            update={"seed": final.seed, "epochs": final.epochs}
        )
        metric = self.task.primary_metric
        with self.board.final(final.trial, final.seed, record.architecture_yaml or "") as curves:

            def on_epoch(result: EpochResult) -> None:
                curves.epoch(
                    result.epoch,
                    metric,
                    result.validation.primary,
                    train_loss=result.train_loss,
                    learning_rate=result.learning_rate,
                )

            network = build_begun(architecture, training.seed, self.device)
            if self.shared is not None:
                self.shared.weights.fill(architecture, network)
            result = fit(
                network,
                data,
                self.task,
                training,
                device=self.device,
                on_epoch=on_epoch,
                teaching=self.teacher.of(data),
            )
            curves.result({MACS: record.macs or 0}, metric, result.best_validation.primary)
        return result

"""One worker process of a search: draws candidates, trains them, writes down what came of it."""

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty
from typing import Any, Protocol

import optuna
import torch
from optuna.trial import TrialState

from nas.model.build import build_network
from nas.report.tensorboard import TrialBoard
from nas.runs import append_log
from nas.search.candidates import Exhausted, Proposer
from nas.search.journal import open_study
from nas.search.samplers import build_sampler
from nas.search.settings import SearchSettings
from nas.search.trials import Candidate, note_outcome
from nas.spec.architecture import dump_architecture
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.space import SpaceSpec, load_space
from nas.tasks.base import Task, TaskData
from nas.tasks.registry import task_named
from nas.train.device import choose_device, seeded, set_threads
from nas.train.failure import TrainingFailed, memory_watched
from nas.train.loop import EpochResult, fit


class Tickets(Protocol):
    """A queue of one item a network that may still be trained."""

    def get_nowait(self) -> Any:
        """The next item. Raises queue.Empty where none is left."""


@dataclass(frozen=True)
class Job:
    """What a worker is told."""

    folder: Path
    settings: SearchSettings
    classes: tuple[str, ...]
    index: int
    """Which of the workers it is; decides its seed."""
    deadline: float | None
    """Time of `time.time()` after which no network is begun."""


def work_in_process(job: Job, tickets: Tickets, parent: int) -> None:
    """The main function of a worker process: `work`, ended when the process `parent` is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends its workers
    threading.Thread(target=_follow_parent, args=(parent,), daemon=True).start()
    set_threads(job.settings.threads)
    work(job, tickets)


def _follow_parent(parent: int) -> None:
    """End this process when its parent was killed: its trials would otherwise go on unseen."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def work(job: Job, tickets: Tickets) -> None:
    """Train networks until the tickets, the time or the new networks are used up."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = load_space(job.folder / "space.yaml").with_classes(job.classes)
    seed = job.settings.search.seed + 1_000 * job.index
    study = open_study(job.folder / "study.log")
    begun = len(study.get_trials(deepcopy=False))  # a search that goes on draws other numbers
    study.sampler = build_sampler(job.settings.search.sampler, seed + begun)
    proposer = Proposer(study, space, job.settings.budget, seed + begun, job.folder / ".claims")
    trainer = CandidateTrainer(job, space, task_named(space.task))
    while job.deadline is None or time.time() < job.deadline:
        try:
            tickets.get_nowait()
        except Empty:
            return
        proposal = proposer.propose()
        if isinstance(proposal, Exhausted):
            append_log(job.folder, f"worker {job.index} ends: {proposal.reason}")
            return
        trainer.train(study, *proposal)


class CandidateTrainer:
    """Trains the candidates of one worker; keeps the data of each input size."""

    def __init__(self, job: Job, space: SpaceSpec, task: Task[Any]) -> None:
        self.job = job
        self.space = space
        self.task = task
        self.device = choose_device(job.settings.device)
        self.board = TrialBoard(job.folder / "tensorboard")
        self._data: dict[InputSpec, TaskData] = {}

    def train(
        self,
        study: optuna.Study,
        trial: optuna.Trial,
        architecture: ArchitectureSpec,
        candidate: Candidate,
    ) -> None:
        """Train one candidate and tell the study; a failure is written down with its reason."""
        trial.set_user_attr("pid", os.getpid())
        start = time.perf_counter()
        history: list[float] = []
        try:
            metrics, trained = self._fit(trial.number, architecture, candidate, history)
        except TrainingFailed as failure:
            self._fail(study, trial, failure.reason)
        except Exception as error:  # a fault in one network must not end the search
            append_log(self.job.folder, f"trial {trial.number}: {traceback.format_exc()}")
            self._fail(study, trial, f"{type(error).__name__}: {error}")
        else:
            note_outcome(
                trial,
                "trained",
                seconds=round(time.perf_counter() - start, 3),
                history=history,
                metrics=metrics,
                architecture=dump_architecture(trained),
            )
            study.tell(trial, [candidate.macs, max(history)])

    def _fit(
        self,
        number: int,
        architecture: ArchitectureSpec,
        candidate: Candidate,
        history: list[float],
    ) -> tuple[dict[str, Any], ArchitectureSpec]:
        data = self._load(architecture.input)
        training = self.job.settings.training
        architecture = replace(architecture, preprocess=data.preprocess)
        with self.board.trial(number, candidate.architecture_yaml) as curves:
            on_epoch = _recorder(curves.epoch, history)
            with seeded(training.seed, self.device), memory_watched("building the network"):
                network = build_network(architecture)
            result = fit(
                network, data, self.task, training, device=self.device, on_epoch=on_epoch
            )
            curves.result(candidate.macs, result.best_validation.first)
        return result.best_validation.as_json(), architecture

    def _load(self, size: InputSpec) -> TaskData:
        """Training and validation data of that input size. The search never asks for the test split."""
        if size not in self._data:
            self._data[size] = load_search_data(self.task, self.space, self.job.settings, size)
        return self._data[size]

    def _fail(self, study: optuna.Study, trial: optuna.Trial, reason: str) -> None:
        append_log(self.job.folder, f"trial {trial.number} failed: {reason}")
        note_outcome(trial, "failed", reason=reason[:500])
        study.tell(trial, state=TrialState.FAIL)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def load_search_data(
    task: Task[Any], space: SpaceSpec, settings: SearchSettings, size: InputSpec
) -> TaskData:
    """Training and validation data at one input size; the test split is not among them."""
    data: TaskData = task.load_data(
        None if settings.data is None else Path(settings.data),
        size,
        space.preprocess,
        splits=("train", "validation"),
        seed=settings.split_seed,
        strict=settings.strict,
        groups=None if settings.groups is None else Path(settings.groups),
    )
    if space.preprocess is not None:
        data = task.measure_normalisation(data)
    return data


def _recorder(
    write: Callable[[int, float, float], None], history: list[float]
) -> Callable[[EpochResult], bool]:
    def on_epoch(result: EpochResult) -> bool:
        history.append(result.validation.first)
        write(result.epoch, result.train_loss, result.validation.first)
        return False

    return on_epoch


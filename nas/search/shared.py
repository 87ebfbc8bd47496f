"""The shared network of a search: trained once, its members measured by the workers in seconds."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.data.dataset import AnyTaskData
from nas.errors import NasError
from nas.macs.architecture import count_architecture
from nas.report.lines import Say, also_to, epoch_line
from nas.runs.folder import LOG_FILE
from nas.search.data import SearchData
from nas.search.settings import SearchSettings
from nas.search.teacher import SearchTeacher
from nas.spec.definition import ArchitectureSpec
from nas.spec.quantity import count_text
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.tasks.base import Metrics, Task
from nas.tasks.registry import task_of
from nas.train.checkpoint import EpochResult
from nas.train.device import choose_device, default_threads, using_threads
from nas.train.sandwich import Sandwich
from nas.train.shared_network import SharedWeights
from nas.train.shared_run import (
    begin_shared,
    is_trained,
    load_shared,
    measure_member,
    train_shared,
)

SHARED_FOLDER = "shared"
"""Folder within a search's own of the network that its members share."""
_OTHERWISE = ("inherit", "short_epochs", "per_second")
"""Settings of trainings, of which there are none where members are measured with shared weights."""


def check_shared(space: SpaceSpec, settings: SearchSettings) -> None:
    """Raises NasError where members are to be measured with shared weights and can't."""
    search = settings.search
    if search.evaluate != "shared":
        return
    for name in _OTHERWISE:
        if getattr(search, name):
            problem = "candidates are not trained one by one with shared weights: leave it out"
            raise NasError(problem, key=f"search.{name}")
    begin_shared(space, settings.training.seed, torch.device("cpu")).check(space)


class SearchShared:
    """The shared network of a search, for one process, once it is trained."""

    def __init__(self, folder: Path, settings: SearchSettings, space: SpaceSpec) -> None:
        self.folder = folder / SHARED_FOLDER
        self.training = settings.training
        self.space = space
        self.device = choose_device(settings.device)
        self.task: Task[Any] = task_of(space)

    @classmethod
    def of(cls, folder: Path, settings: SearchSettings, space: SpaceSpec) -> "SearchShared | None":
        """None where members are trained one by one."""
        return cls(folder, settings, space) if settings.search.evaluate == "shared" else None

    @cached_property
    def weights(self) -> SharedWeights:
        """Read when they are first asked for. Raises NasError where there are none."""
        return load_shared(self.space, self.training.seed, self.folder, self.device)

    def load(self) -> None:
        """Read the weights, unless they are read."""
        _ = self.weights

    def measure(self, member: ArchitectureSpec, data: AnyTaskData) -> tuple[nn.Module, Metrics]:
        """The member with its part of the weights, and its metrics on validation."""
        return measure_member(self.weights, member, data, self.task, self.training, self.device)


def is_prepared(folder: Path) -> bool:
    """Whether a search's folder has the shared network."""
    return is_trained(folder / SHARED_FOLDER)


def prepare_shared(folder: Path, space: SpaceSpec, settings: SearchSettings, say: Say) -> None:
    """Train the shared network that a search's members are measured with, if it is not yet.

    It uses as many cores as a single training does: no worker has begun. `space` has the data's
    classes.
    """
    own = folder / SHARED_FOLDER
    if settings.search.evaluate != "shared" or is_trained(own):
        return
    say = also_to(folder / LOG_FILE, say)
    device, task = choose_device(settings.device), task_of(space)
    training = settings.training.model_copy(update={"epochs": shared_epochs(settings)})
    data = SearchData(task, space, settings)
    weights = begin_shared(space, training.seed, device)
    teaching = SearchTeacher(folder, settings, data, device).of(data.at(weights.largest.input))
    sandwich = Sandwich(weights, space, data.at, budget=settings.budget, teaching=teaching)
    say(_announcement(sandwich, training))
    with using_threads(max(settings.threads, default_threads())):
        train_shared(
            sandwich, task, training, own, device=device,
            on_epoch=_Teller(training, task.primary_metric, say),
        )  # fmt: skip


def shared_epochs(settings: SearchSettings) -> int:
    """Epochs of the shared training; unless they are said twice those of a candidate's."""
    return settings.search.shared_epochs or 2 * settings.training.epochs


def _announcement(sandwich: Sandwich, training: TrainingSpec) -> str:
    members = (sandwich.smallest, sandwich.weights.largest)
    least, most = (count_text(count_architecture(item).total) for item in members)
    epochs = "1 epoch" if training.epochs == 1 else f"{training.epochs} epochs"
    return (
        f"Shared network: members from {least} to {most} MACs are trained together for {epochs}; "
        "candidates are then measured with its weights. Its metric is the largest one's."
    )


class _Teller:
    """Tells of each epoch, with the metric of the largest member."""

    def __init__(self, training: TrainingSpec, metric: str, say: Say) -> None:
        self.training = training
        self.metric = metric
        self.say = say

    def __call__(self, result: EpochResult) -> None:
        self.say(
            epoch_line(
                result.epoch,
                self.training.epochs,
                train_loss=result.train_loss,
                metric=self.metric,
                validation=result.validation.primary,
                seconds=result.seconds,
            )
        )

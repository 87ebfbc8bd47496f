"""Pseudo-labelling: train, add the labels that the network is sure of, train again from scratch.

Source: a 2021 RFCX solution, whose round n learns from the tables' labels and those that the
network of round n - 1 added to them.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from nas.data.dataset import AnyTaskData
from nas.files import atomic_write_text
from nas.spec.training import TrainingSpec
from nas.tasks.base import Task
from nas.train.checkpoint import EpochResult
from nas.train.loop import FitResult, fit
from nas.train.teaching import Teaching
from nas.train.weights import folded_copy

CHECKPOINT_FILE = "checkpoint.pt"
ADDED_FILE = "added.csv"

DataT = TypeVar("DataT", bound=AnyTaskData)

OnRoundEpoch = Callable[[int, EpochResult], None]
"""Told of each finished epoch and the round that it belongs to, counted from 1."""


@dataclass(frozen=True)
class TrainingRound:
    """One training of a run with pseudo-labelling."""

    number: int
    """Counted from 1."""
    fitted: FitResult
    added: Mapping[str, int] | None
    """Labels by class that its network added for the next round; None for the last one."""


@dataclass(frozen=True)
class RoundResults:
    """All trainings of a run."""

    rounds: tuple[TrainingRound, ...]
    data: AnyTaskData
    """What the kept round learned from."""

    @property
    def kept(self) -> TrainingRound:
        """The round whose weights are kept."""
        return _best(self.rounds)

    @property
    def seconds_per_epoch(self) -> float:
        """Mean wall-clock seconds of an epoch over all rounds, validation included."""
        seconds = [result.seconds for item in self.rounds for result in item.fitted.history]
        return sum(seconds) / len(seconds)


def fit_rounds(
    network: nn.Module,
    data: DataT,
    task: Task[DataT],
    training: TrainingSpec,
    folder: Path,
    *,
    device: torch.device,
    on_epoch: OnRoundEpoch,
    on_round: Callable[[TrainingRound], None],
    teaching: Teaching | None = None,
) -> RoundResults:
    """Train a network in place in all rounds; it ends with the weights of the best one.

    Without `training.pseudo_labelling` there is one round, with its checkpoint in `folder`. Else
    the checkpoint of round n and the labels that it added, `added.csv`, are in `folder/round-n`,
    and a run whose checkpoints are there already goes on from them. Every round begins with the
    same weights. Raises TrainingFailed as `fit`, and NasError, before anything is trained, for data
    that no labels can be added to.
    """
    spec = training.pseudo_labelling
    count = 1 if spec is None else spec.rounds
    if count > 1:
        task.check_pseudo_labelling(data)
    first_weights, round_data, rounds = deepcopy(network.state_dict()), data, list[TrainingRound]()
    for number in range(1, count + 1):
        own = folder if spec is None else round_folder(folder, number)
        learned_from = round_data
        network.load_state_dict(first_weights)
        fitted = fit(
            network,
            round_data,
            task,
            training,
            device=device,
            on_epoch=partial(on_epoch, number),
            checkpoint=own / CHECKPOINT_FILE,
            teaching=teaching,
        )
        added = None
        if spec is not None and number < count:
            round_data, added = _pseudo_labelled(network, data, task, spec.threshold, own, device)
        rounds.append(TrainingRound(number, fitted, added))
        if _best(rounds) is rounds[-1]:
            best_weights, best_data = deepcopy(network.state_dict()), learned_from
        on_round(rounds[-1])
    network.load_state_dict(best_weights)
    return RoundResults(tuple(rounds), best_data)


def _best(rounds: Sequence[TrainingRound]) -> TrainingRound:
    """The best on validation, the earliest of equals."""
    return max(rounds, key=lambda item: item.fitted.best_validation.primary)


def round_folder(folder: Path, number: int) -> Path:
    """Folder of a round within that of its run: `round-n`, or `cycle-n` if it was begun as that."""
    old = folder / f"cycle-{number}"  # until version 0.3
    return old if old.is_dir() else folder / f"round-{number}"


def _pseudo_labelled(
    network: nn.Module,
    data: DataT,
    task: Task[DataT],
    threshold: float,
    folder: Path,
    device: torch.device,
) -> tuple[DataT, Mapping[str, int]]:
    """The data with their own labels and those that the network adds, written to a file."""
    folded = folded_copy(network).to(memory_format=torch.channels_last)
    # Within the call only: what the task makes of the outputs may be learned from.
    inference = torch.inference_mode()(folded.forward)
    found = task.pseudo_labelled(data, inference, threshold, device)
    atomic_write_text(folder / ADDED_FILE, found.table)
    return found.data, found.counts

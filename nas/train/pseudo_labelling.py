"""Cycles: train, add the labels that the network is sure of, train again from the beginning.

Source: the relabelling of a 2021 RFCX solution, whose cycle n learns from the tables' labels and
those that the network of cycle n - 1 added to them.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from nas.files import atomic_write_text
from nas.spec.training import TrainingSpec
from nas.tasks.base import Task, TaskData
from nas.train.checkpoint import EpochResult
from nas.train.loop import FitResult, fit
from nas.train.weights import folded_copy

CHECKPOINT_FILE = "checkpoint.pt"
ADDED_FILE = "added.csv"

DataT = TypeVar("DataT", bound=TaskData)

OnCycleEpoch = Callable[[int, EpochResult], None]
"""Told of each finished epoch and the cycle that it belongs to, counted from 1."""


@dataclass(frozen=True)
class Cycle:
    """One training of a run."""

    number: int
    """Counted from 1."""
    fitted: FitResult
    added: Mapping[str, int] | None
    """Labels by class that its network added for the next cycle; None for the last one."""


@dataclass(frozen=True)
class CycleResults:
    """All trainings of a run."""

    cycles: tuple[Cycle, ...]

    @property
    def kept(self) -> Cycle:
        """The cycle whose weights are kept: the best on validation, the earliest of equals."""
        return max(self.cycles, key=lambda cycle: cycle.fitted.best_validation.primary)

    @property
    def seconds_per_epoch(self) -> float:
        """Mean wall-clock seconds of an epoch over all cycles, validation included."""
        seconds = [result.seconds for cycle in self.cycles for result in cycle.fitted.history]
        return sum(seconds) / len(seconds)


def fit_cycles(
    network: nn.Module,
    data: DataT,
    task: Task[DataT],
    training: TrainingSpec,
    folder: Path,
    *,
    device: torch.device,
    on_epoch: OnCycleEpoch,
    on_cycle: Callable[[Cycle], None],
) -> CycleResults:
    """Train a network in place in all cycles; it ends with the weights of the best one.

    Without `training.relabel` there is one cycle, with its checkpoint in `folder`. Else the
    checkpoint of cycle n and the labels that it added, `added.csv`, are in `folder/cycle-n`, and a
    run whose checkpoints are there already goes on from them. Every cycle begins with the same
    weights. Raises TrainingFailed as `fit`, and NasError, before anything is trained, for data
    that no labels can be added to.
    """
    relabel = training.relabel
    count = 1 if relabel is None else relabel.cycles
    if count > 1:
        task.check_relabelling(data)
    first_weights, cycle_data, cycles = deepcopy(network.state_dict()), data, list[Cycle]()
    for number in range(1, count + 1):
        place = folder if relabel is None else folder / f"cycle-{number}"
        network.load_state_dict(first_weights)
        fitted = fit(
            network,
            cycle_data,
            task,
            training,
            device=device,
            on_epoch=partial(on_epoch, number),
            checkpoint=place / CHECKPOINT_FILE,
        )
        added = None
        if relabel is not None and number < count:
            cycle_data, added = _relabelled(network, data, task, relabel.threshold, place, device)
        cycles.append(Cycle(number, fitted, added))
        if CycleResults(tuple(cycles)).kept is cycles[-1]:
            best_weights = deepcopy(network.state_dict())
        on_cycle(cycles[-1])
    network.load_state_dict(best_weights)
    return CycleResults(tuple(cycles))


def _relabelled(
    network: nn.Module,
    data: DataT,
    task: Task[DataT],
    threshold: float,
    place: Path,
    device: torch.device,
) -> tuple[DataT, Mapping[str, int]]:
    """The data's own labels and those that the network adds to them, which are written down."""
    folded = folded_copy(network).to(memory_format=torch.channels_last)
    # Within the call only: what the task makes of the outputs may be learned from.
    inference = torch.inference_mode()(folded.forward)
    found = task.relabelled(data, inference, threshold, device)
    atomic_write_text(place / ADDED_FILE, found.table)
    return found.data, found.counts

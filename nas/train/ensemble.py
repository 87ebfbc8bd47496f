"""The mean of several trained networks: its thresholds, chosen on validation, and its folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nas.errors import NasError
from nas.tasks.base import Metrics, TaskData
from nas.tasks.registry import task_named
from nas.train.loop import evaluate
from nas.train.source import same_data
from nas.train.trained import Member, TrainedNetwork, save_thresholds, write_members


def with_chosen_thresholds(
    trained: TrainedNetwork, data: TaskData
) -> tuple[TrainedNetwork, Metrics]:
    """The network with the thresholds that are best for it on the data's validation split, and its
    metrics there; a task without thresholds leaves it as it is."""
    task = task_named(trained.architecture.task)
    validation = evaluate(trained.network, data, task, "validation", device=trained.device)
    return replace(trained, thresholds=task.thresholds_of(validation)), validation


def refuse_other_splits(members: Sequence[Member], source: Path | None) -> None:
    """Raises NasError for a member that learned from the data of `source` split otherwise than for
    the first: from recordings, maybe, that the mean is measured on."""
    first, *others = members
    split = first.architecture.provenance.get("split_digest")
    for member in others:
        own = member.architecture.provenance.get("split_digest")
        if own != split and same_data(member.architecture, source):
            raise NasError(f"its data were split otherwise than for {first.run}", file=member.run)


def save_ensemble(folder: Path, trained: TrainedNetwork) -> None:
    """Write the folder that `load_trained` reads: the members, and the thresholds of the mean."""
    write_members(folder, [member.run for member in trained.members])
    save_thresholds(folder, trained.thresholds)

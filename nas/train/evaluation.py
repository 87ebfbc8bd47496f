"""Evaluation and prediction with trained networks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from nas.data.dataset import AnyTaskData
from nas.data.splits import Split
from nas.errors import NasError
from nas.report.lines import Say, made_words
from nas.tasks.base import Metrics, Prediction, Task
from nas.tasks.registry import task_named
from nas.train.data import OTHER_SPLITS, load_measured_data
from nas.train.device import choose_device
from nas.train.loop import evaluate as measure
from nas.train.source import made_otherwise, same_data, source_of
from nas.train.trained import EnsembleMember, TrainedNetwork, load_mean, load_trained

Runs = TrainedNetwork | str | Path | Sequence[str | Path]
"""A loaded network, the folder of a run, or several folders whose mean counts."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics of a network on a split."""

    trained: TrainedNetwork
    """With the thresholds that were measured with, chosen on validation."""
    split: Split
    source: str
    """Of the data: a path, or the name of a built-in set."""
    metrics: Metrics

    def as_json(self) -> dict[str, Any]:
        """Plain values under full names, with the primary metric's 95 % interval."""
        return {"split": self.split, "data": self.source, **self.metrics.with_intervals()}


def evaluate(
    runs: Runs,
    data: str | Path | None = None,
    *,
    split: Split = "test",
    groups: str | Path | None = None,
    strict: bool = False,
    device: str | torch.device = "auto",
    say: Say = print,
) -> Evaluation:
    """Metrics of a finished network on a split, with its stored preprocessing and thresholds.

    Args:
        runs: The folder of a finished run or of an ensemble, or what `load_trained` gave. Several
            folders: the mean of their networks' probabilities is measured, with thresholds that
            are chosen on the validation split.
        data: Other data of the same classes. None: those that the network was trained on.
        split: `train`, `validation` or `test`. The validation split that thresholds were chosen on
            is measured as in training, not with thresholds that were fitted to it.
        groups: CSV `path,group`; no group crosses splits. None: as in training.
        strict: Stop at files that can't be read, instead of leaving them out.
        device: `auto`, `cpu`, `cuda`, `cuda:1`; a loaded network stays where it is.
        say: Is told of made splits, of files left out, and of splits that have changed since.

    Raises NasError for a folder that is not whole, networks that don't go together, and data of
    other classes or without that split.
    """
    trained = load_runs(runs, device)
    source = source_of(trained.architecture, None if data is None else Path(data))
    refuse_other_splits(trained.members, source)
    task = task_named(trained.architecture.task)
    choosing = task.needs_thresholds and not trained.thresholds
    splits: tuple[Split, ...] = ("validation", split) if choosing else (split,)
    splits = tuple(dict.fromkeys(splits))
    table = None if groups is None else Path(groups)
    loaded = load_measured_data(trained, source, splits, groups=table, strict=strict)
    for line in notes_on_data(trained, task, loaded, splits, source):
        say(line)
    if choosing:
        trained, validation = with_chosen_thresholds(trained, loaded)
        if split == "validation":
            return Evaluation(trained, split, loaded.source, validation)
    chosen_there = split == "validation" and same_data(trained.architecture, source)
    thresholds = None if chosen_there else trained.thresholds
    metrics = measure(
        trained.network, loaded, task, split, device=trained.device, thresholds=thresholds
    )
    return Evaluation(trained, split, loaded.source, metrics)


def predict(
    runs: Runs, files: Sequence[str | Path], *, device: str | torch.device = "auto"
) -> Iterator[Prediction]:
    """A prediction for each file, in order, from the inputs that training saw.

    Args:
        runs: As for `evaluate`.
        files: Files, and folders in which all that can be predicted are taken, sorted.
        device: `auto`, `cpu`, `cuda`, `cuda:1`; a loaded network stays where it is.

    A file that can't be read has an `error` instead of values. Raises NasError for a folder that
    is not whole, for a folder of files without any, and for several runs of a task with thresholds:
    those are chosen on validation data (`evaluate`, then `save_ensemble`).
    """
    trained = load_runs(runs, device)
    task = task_named(trained.architecture.task)
    if task.needs_thresholds and not trained.thresholds:
        raise NasError(
            "thresholds of several runs together are chosen on validation data: "
            "`nas evaluate RUN_DIR --with RUN_DIR --save FOLDER`, then predict with FOLDER",
            key="--with",
        )
    return trained.predict(_listed(files, task))


def with_chosen_thresholds(
    trained: TrainedNetwork, data: AnyTaskData
) -> tuple[TrainedNetwork, Metrics]:
    """The network with the thresholds that are best for it on the data's validation split, and its
    metrics there; a task without thresholds leaves it as it is."""
    task = task_named(trained.architecture.task)
    validation = measure(trained.network, data, task, "validation", device=trained.device)
    return replace(trained, thresholds=task.thresholds_of(validation)), validation


def refuse_other_splits(members: Sequence[EnsembleMember], source: Path | None) -> None:
    """Raises NasError for a member that learned from the data of `source` split otherwise than for
    the first: from recordings, maybe, that the mean is measured on."""
    first, *others = members
    split = first.architecture.provenance.split_digest
    for member in others:
        own = member.architecture.provenance.split_digest
        if own != split and same_data(member.architecture, source):
            raise NasError(f"its data were split otherwise than for {first.run}", file=member.run)


def load_runs(runs: Runs, device: str | torch.device = "auto") -> TrainedNetwork:
    """The network of a run, or the mean of those of several, on a device.

    A loaded one is given back as it is. Raises NasError as `load_trained` and `load_mean`.
    """
    if isinstance(runs, TrainedNetwork):
        return runs
    where = choose_device(device)
    if isinstance(runs, str | Path):
        return load_trained(runs, where)
    return load_mean(runs, where) if len(runs) > 1 else load_trained(runs[0], where)


def notes_on_data(
    trained: TrainedNetwork,
    task: Task[Any],
    loaded: AnyTaskData,
    splits: tuple[Split, ...],
    source: Path | None,
) -> list[str]:
    """Remarks on the data that are measured on: splits that were made, files left out."""
    made = made_words(task, trained.architecture.provenance.split_seed)
    lines = [
        f"{split} of {loaded.source}: {made}" for split in splits if split in loaded.made_splits
    ]
    if made_otherwise(trained.architecture, source, loaded.split_digest):
        lines.append(f"WARNING: {OTHER_SPLITS}")
    return lines + [f"left out: {file}" for file in loaded.unreadable]


def _listed(given: Sequence[str | Path], task: Task[Any]) -> list[Path]:
    """The files as given, and those within folders."""
    files: list[Path] = []
    for path in map(Path, given):
        if not path.is_dir():
            files.append(path)
            continue
        found = task.find_files(path)
        if not found:
            raise NasError("nothing in this folder can be predicted", file=path)
        files += found
    return files

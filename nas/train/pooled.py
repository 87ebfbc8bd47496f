"""Cross-validation: networks of several folds, each measured on images that it has not seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nas.errors import NasError
from nas.tasks.base import Metrics, Task, TaskData
from nas.tasks.registry import task_named
from nas.train.loop import evaluate, split_outputs
from nas.train.measured_data import load_measured_data
from nas.train.source import made_otherwise, source_of, split_seed_of
from nas.train.trained import TrainedNetwork, load_trained


@dataclass(frozen=True)
class FoldResult:
    """One network on the test split of its own fold."""

    run: Path
    fold: int
    test: Metrics


@dataclass(frozen=True)
class PooledFolds:
    """What the networks of several folds reach together."""

    folds: tuple[FoldResult, ...]
    """By fold."""
    pooled: Metrics
    """Of all the test splits as one: each image once, by the network that has not seen it."""
    complete: bool
    """Whether every fold is there, and so every image."""
    task: str
    source: str


def pool_folds(runs: Sequence[Path], device: torch.device) -> PooledFolds:
    """Measure finished runs that differ in their fold.

    Raises NasError for fewer than two, for a task without folds, for runs that differ in task,
    data, labels or fold's number otherwise than they should, and for data that have changed since.
    """
    if len(runs) < 2:
        raise NasError("folds are pooled of two runs or more", key="RUN")
    trained = sorted((load_trained(run, device) for run in runs), key=_fold)
    task: Task[Any] = task_named(trained[0].architecture.task)
    _refuse_other_kinds(task, trained)
    loaded = [_test_data(item, task) for item in trained]
    results = tuple(map(_measured, trained, loaded))
    with torch.inference_mode():
        pooled = task.measure_folds(list(_outputs(task, trained, loaded)))
    complete = len(trained) == task.folds
    return PooledFolds(results, pooled, complete, task.name, loaded[0].source)


def _fold(trained: TrainedNetwork) -> int:
    return split_seed_of(trained.architecture)


def _refuse_other_kinds(task: Task[Any], trained: Sequence[TrainedNetwork]) -> None:
    """Raise NasError for runs whose test splits can't be put together."""
    if not task.folds:
        raise NasError(f"the {task.name} task has no folds", file=trained[0].members[0].run)
    first = trained[0]
    for index, item in enumerate(trained):
        run = item.members[0].run
        if item.architecture.task != task.name or _labels(item) != _labels(first):
            raise NasError("is of another task, or of other labels, than the first", file=run)
        if source_of(item.architecture, None) != source_of(first.architecture, None):
            raise NasError(f"was trained on other data than {first.members[0].run}", file=run)
        if index and _fold(item) % task.folds == _fold(trained[index - 1]) % task.folds:
            raise NasError(
                f"has the test split of fold {_fold(item)}, and so has "
                f"{trained[index - 1].members[0].run}",
                file=run,
            )


def _labels(trained: TrainedNetwork) -> tuple[object, object]:
    """What is learned, and what patients are known by."""
    architecture = trained.architecture
    return architecture.classes, architecture.provenance.get("groups")


def _test_data(trained: TrainedNetwork, task: Task[Any]) -> TaskData:
    """The test split of its fold, with its own preprocessing and thresholds."""
    run = trained.members[0].run
    source = source_of(trained.architecture, None)
    loaded = load_measured_data(trained, source, ("test",))
    if "test" not in loaded.made_splits and loaded.source != task.built_in_source:
        raise NasError("its data say which images are for the test: there are no folds", file=run)
    if made_otherwise(trained.architecture, source, loaded.made_digest):
        raise NasError("images came or went in its data since it was trained", file=run)
    return loaded


def _measured(trained: TrainedNetwork, loaded: TaskData) -> FoldResult:
    test = evaluate(
        trained.network,
        loaded,
        task_named(trained.architecture.task),
        "test",
        device=trained.device,
        thresholds=trained.thresholds,
    )
    return FoldResult(trained.members[0].run, _fold(trained), test)


def _outputs(
    task: Task[Any], trained: Sequence[TrainedNetwork], loaded: Sequence[TaskData]
) -> Iterator[tuple[TaskData, Any]]:
    for item, data in zip(trained, loaded, strict=True):
        if item.thresholds:
            data = task.with_thresholds(data, item.thresholds)
        yield data, split_outputs(item.network, data, task, "test", item.device)

"""Cross-validation: networks of several folds, each measured on images that it has not seen."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from nas.data.dataset import AnyTaskData
from nas.errors import NasError
from nas.files import atomic_write_text
from nas.report.evaluation import evaluation_lines
from nas.report.lines import Say
from nas.report.tables import metric_title
from nas.tasks.base import Metrics, Task
from nas.tasks.registry import task_named
from nas.text_table import aligned, metric_text
from nas.train.data import load_measured_data
from nas.train.loop import split_outputs
from nas.train.source import made_otherwise, source_of
from nas.train.trained import TrainedNetwork, load_trained


@dataclass(frozen=True)
class FoldResult:
    """One network on the test split of its own fold."""

    run: Path
    fold: int
    test: Metrics
    found_on: int | None = None
    """The fold of the search that chose the network, where that is another."""


@dataclass(frozen=True)
class PooledFolds:
    """Metrics of several folds together."""

    folds: tuple[FoldResult, ...]
    """By fold."""
    pooled: Metrics
    """Of all the test splits as one: each image once, by the network that has not seen it."""
    complete: bool
    """Whether every fold is there, and so every image."""
    task: str
    source: str

    @property
    def found_on(self) -> tuple[int, ...]:
        """Folds of the searches whose choice knows images that are tested here, in order."""
        return tuple(sorted({item.found_on for item in self.folds if item.found_on is not None}))


def pool_folds(runs: Sequence[Path], device: torch.device) -> PooledFolds:
    """Measure finished runs that differ in their fold.

    Raises NasError for fewer than two, for a task without folds, for runs that differ in task,
    data, labels or fold's number otherwise than they should, and for data that have changed since.
    """
    if len(runs) < 2:
        raise NasError("folds are pooled of two runs or more", key="RUN")
    trained = sorted((load_trained(run, device) for run in runs), key=_seed)
    task: Task[Any] = task_named(trained[0].architecture.task)
    _refuse_other_kinds(task, trained)
    with torch.inference_mode():
        tested = [_tested(item, task) for item in trained]
        results = tuple(
            FoldResult(
                item.members[0].run,
                _seed(item) % task.folds,
                task.measure(data, outputs),
                item.architecture.provenance.found_on_split_seed,
            )
            for item, (data, outputs) in zip(trained, tested, strict=True)
        )
        pooled = task.measure_folds(tested)
    complete = len(trained) == task.folds
    return PooledFolds(results, pooled, complete, task.name, tested[0][0].source)


def _seed(trained: TrainedNetwork) -> int:
    return trained.architecture.provenance.split_seed


def _refuse_other_kinds(task: Task[Any], trained: Sequence[TrainedNetwork]) -> None:
    """Raise NasError for runs whose test splits can't be put together."""
    if not task.folds:
        raise NasError(f"the {task.name} task has no folds", file=trained[0].members[0].run)
    first, tested = trained[0], dict[int, Path]()
    for item in trained:
        run = item.members[0].run
        if item.architecture.task != task.name or _labels(item) != _labels(first):
            raise NasError("is of another task, or of other labels, than the first", file=run)
        if source_of(item.architecture, None) != source_of(first.architecture, None):
            raise NasError(f"was trained on other data than {first.members[0].run}", file=run)
        seed = _seed(item)
        if (fold := seed % task.folds) in tested:
            raise NasError(
                f"has the test split of fold {fold}, and so has {tested[fold]}", file=run
            )
        if seed // task.folds != _seed(first) // task.folds:
            raise NasError(
                f"was split by the seed {seed}, whose folds are others than those of "
                f"{first.members[0].run}",
                file=run,
            )
        tested[fold] = run


def _labels(trained: TrainedNetwork) -> tuple[object, object]:
    """What is learned, and what patients are known by."""
    architecture = trained.architecture
    return architecture.classes, architecture.provenance.groups


def _test_data(trained: TrainedNetwork, task: Task[Any]) -> AnyTaskData:
    """The test split of its fold, with its own preprocessing and thresholds."""
    run = trained.members[0].run
    source = source_of(trained.architecture, None)
    loaded = load_measured_data(trained, source, ("test",))
    if "test" not in loaded.made_splits and loaded.source != task.built_in_source:
        raise NasError("its data say which images are for the test: there are no folds", file=run)
    if made_otherwise(trained.architecture, source, loaded.split_digest):
        raise NasError("images came or went in its data since it was trained", file=run)
    return loaded


def _tested(trained: TrainedNetwork, task: Task[Any]) -> tuple[AnyTaskData, list[tuple[Any, Any]]]:
    """The test split of its fold, and what the network puts out for it with its targets.

    To be used without gradients.
    """
    loaded = _test_data(trained, task)
    if trained.thresholds:
        loaded = task.with_thresholds(loaded, trained.thresholds)
    elif task.needs_thresholds:
        raise ValueError("thresholds are not chosen on the test split; give those of validation")
    batches = split_outputs(trained.network, loaded, task, "test", trained.device)
    return loaded, [(_on_cpu(outputs), targets) for outputs, targets in batches]


def _on_cpu(outputs: Any) -> Any:
    """Logits, or the maps of a detector, where all folds have room; other outputs are there."""
    if isinstance(outputs, Tensor):
        return outputs.cpu()
    if isinstance(outputs, tuple):
        return type(outputs)(*map(_on_cpu, outputs))  # a named one
    return outputs


def pool_and_say(
    runs: Sequence[Path], device: torch.device, out: Path | None = None, *, say: Say = print
) -> PooledFolds:
    """Measure the folds, say a line for each and the metrics of all; with `out` write them too.

    Raises NasError as `pool_folds` does.
    """
    pooled = pool_folds(runs, device)
    say("\n".join(pooled_lines(pooled)))
    if out is not None:
        atomic_write_text(out, json.dumps(pooled_values(pooled), indent=2, allow_nan=False) + "\n")
        say(f"written to {out}")
    return pooled


def pooled_lines(pooled: PooledFolds) -> list[str]:
    """A line a fold, mean and standard deviation, then what is known of all images together."""
    metric = task_named(pooled.task).primary_metric
    values = [fold.test.primary for fold in pooled.folds]
    rows = [("fold", metric_title(metric), "run")]
    rows += [
        (str(fold.fold), metric_text(fold.test.primary), str(fold.run)) for fold in pooled.folds
    ]
    title = "all folds" if pooled.complete else f"{len(values)} folds"
    return [
        *aligned(rows, left=(2,)),
        f"mean {metric_text(mean(values))}, standard deviation {metric_text(stdev(values))}",
        *_choice_lines(pooled),
        "",
        f"The test splits of {title} as one, each image by the network that has not seen it:",
        "",
        *evaluation_lines(title, metric, pooled.pooled),
    ]


def _choice_lines(pooled: PooledFolds) -> list[str]:
    """What the search that chose the network knows of the images, if it was chosen on some."""
    if not pooled.found_on:
        return []
    folds = " and ".join(map(str, pooled.found_on))
    return [
        f"The network was chosen on the splits of fold {folds}: its choice knows test images of "
        "the other folds, its weights don't."
    ]


def pooled_values(pooled: PooledFolds) -> dict[str, Any]:
    """Plain values under full names."""
    return {
        "task": pooled.task,
        "data": pooled.source,
        "complete": pooled.complete,
        "pooled": pooled.pooled.with_intervals(),
        "folds": [
            {
                "run": str(fold.run.resolve()),
                "fold": fold.fold,
                "found_on": fold.found_on,
                "test": fold.test.with_intervals(),
            }
            for fold in pooled.folds
        ],
    }

"""`nas evaluate`: a trained network's metrics on a split."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.data.split_names import SPLITS, Split
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.tasks.base import Metrics, Task, TaskData
    from nas.train.trained import TrainedNetwork


@click.command("evaluate")
@click.argument("run", metavar="RUN_DIR", type=click.Path(path_type=Path))
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="RUN_DIR",
    type=click.Path(path_type=Path),
    help="Another run: the mean of all networks' probabilities is measured. May be repeated.",
)
@click.option(
    "--data", type=click.Path(path_type=Path), help="Other data  [default: the run's own]"
)
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    default="test",
    show_default=True,
    help="Which part of the data.",
)
@click.option(
    "--groups", type=click.Path(path_type=Path), help="CSV path,group: no group crosses splits."
)
@click.option(
    "--strict", is_flag=True, help="Stop at unreadable files instead of leaving them out."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--threads", type=click.IntRange(1), help="Cores that PyTorch uses  [default: all]")
def evaluate(
    run: Path,
    others: tuple[Path, ...],
    data: Path | None,
    split: Split,
    groups: Path | None,
    strict: bool,
    as_json: bool,
    device: str,
    threads: int | None,
) -> None:
    """Measure the network of RUN_DIR, which `nas train` wrote, with its stored preprocessing.

    Where a task has thresholds, they are the run's own; those of several runs together are chosen
    on the validation split.
    """
    from nas.report.evaluation import evaluation_lines
    from nas.tasks.registry import task_named
    from nas.train.device import choose_device, set_threads
    from nas.train.trained import load_ensemble

    set_threads(threads)
    trained = load_ensemble((run, *others), choose_device(device))
    task = task_named(trained.architecture.task)
    choosing = bool(others and trained.thresholds) and split != "validation"
    splits: tuple[Split, ...] = ("validation", split) if choosing else (split,)
    _refuse_other_splits(run, others, data)
    loaded = _load(trained, task, data, splits, groups, strict=strict)
    metrics = _measure(trained, task, loaded, split, choosing=choosing, together=bool(others))
    if as_json:
        values = {"split": split, "data": loaded.source, **metrics.with_intervals()}
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(evaluation_lines(split, task.first_metric, metrics)))


def _refuse_other_splits(run: Path, others: tuple[Path, ...], data: Path | None) -> None:
    """Raises NasError for a run on the same data that was split otherwise: it may have learned from
    what is measured here."""
    from nas.spec.architecture import load_architecture
    from nas.train.source import same_data, source_of
    from nas.train.trained import ARCHITECTURE_FILE

    first = load_architecture(run / ARCHITECTURE_FILE)
    source = source_of(first, data)
    for folder in others:
        other = load_architecture(folder / ARCHITECTURE_FILE)
        before, after = (item.provenance.get("made_digest") for item in (first, other))
        if before != after and same_data(other, source):
            raise NasError("its data were split otherwise than the first network's", file=folder)


def _load(
    trained: "TrainedNetwork",
    task: "Task[Any]",
    data: Path | None,
    splits: tuple[Split, ...],
    groups: Path | None,
    *,
    strict: bool,
) -> "TaskData":
    """The splits; what a person should know of them is said. Raises NasError for other classes."""
    from nas.cli.run_data import OTHER_SPLITS
    from nas.train.source import groups_of, made_otherwise, source_of, split_seed_of

    architecture = trained.architecture
    source = source_of(architecture, data)
    loaded: TaskData = task.load_data(
        source,
        architecture.input,
        architecture.preprocess,
        splits=splits,
        seed=split_seed_of(architecture),
        strict=strict,
        groups=groups_of(architecture, source, groups),
    )
    if loaded.classes != architecture.classes:
        raise NasError(
            f"has the classes {', '.join(loaded.classes)}, but the network was trained for "
            f"{', '.join(architecture.classes)}",
            file=loaded.source,
        )
    for split in splits:
        if split in loaded.made_splits:
            click.echo(f"{split}: made from the data of {loaded.source}, stratified", err=True)
    if made_otherwise(architecture, source, loaded.made_digest):
        click.echo(f"WARNING: {OTHER_SPLITS}", err=True)
    for file in loaded.unreadable:
        click.echo(f"left out: {file}", err=True)
    return loaded


def _measure(
    trained: "TrainedNetwork",
    task: "Task[Any]",
    loaded: "TaskData",
    split: Split,
    *,
    choosing: bool,
    together: bool,
) -> "Metrics":
    """The split's metrics, with the thresholds of a single run or with those chosen here."""
    from nas.train.loop import evaluate as measure

    network, device = trained.network, trained.device
    thresholds = {} if together else trained.thresholds
    if choosing:
        thresholds = task.thresholds_of(measure(network, loaded, task, "validation", device=device))
    if thresholds:
        loaded = task.with_thresholds(loaded, thresholds)
    return measure(network, loaded, task, split, device=device)

"""`nas evaluate`: a trained network's metrics on a split."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.data.splits import SPLITS, Split
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.tasks.base import Metrics, TaskData
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
    "--save",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Keep the runs of --with as an ensemble: a RUN_DIR for evaluate and predict.",
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
    save: Path | None,
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
    on the validation split. The validation split that they were chosen on is measured as in
    training, not with thresholds that were fitted to it.
    """
    from nas.report.evaluation import evaluation_lines
    from nas.runs.folder import new_run_folder, refuse_taken
    from nas.tasks.registry import task_named
    from nas.train.device import choose_device, set_threads
    from nas.train.ensemble import refuse_other_splits, save_ensemble
    from nas.train.source import source_of
    from nas.train.trained import load_mean, load_trained

    if save is not None and not others:
        raise NasError("an ensemble needs other runs beside the first: give --with", key="--save")
    refuse_taken(save)
    set_threads(threads)
    on = choose_device(device)
    trained = load_mean((run, *others), on) if others else load_trained(run, on)
    source = source_of(trained.architecture, data)
    refuse_other_splits(trained.members, source)
    task = task_named(trained.architecture.task)
    choosing = bool(others) and task.needs_thresholds
    splits: tuple[Split, ...] = ("validation", split) if choosing else (split,)
    loaded = _load(trained, source, tuple(dict.fromkeys(splits)), groups, strict=strict)
    trained, metrics = _measure(trained, loaded, source, split, choosing=choosing)
    if save is not None:
        save_ensemble(new_run_folder(save, "ensemble"), trained)
    if as_json:
        values = {"split": split, "data": loaded.source, **metrics.with_intervals()}
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(evaluation_lines(split, task.primary_metric, metrics)))


def _load(
    trained: "TrainedNetwork",
    source: Path | None,
    splits: tuple[Split, ...],
    groups: Path | None,
    *,
    strict: bool,
) -> "TaskData":
    """The splits; what a person should know of them is said."""
    from nas.report.lines import made_words
    from nas.tasks.registry import task_named
    from nas.train.data import OTHER_SPLITS, load_measured_data
    from nas.train.source import made_otherwise, split_seed_of

    loaded = load_measured_data(trained, source, splits, groups=groups, strict=strict)
    architecture = trained.architecture
    made = made_words(task_named(architecture.task), split_seed_of(architecture))
    for split in splits:
        if split in loaded.made_splits:
            click.echo(f"{split} of {loaded.source}: {made}", err=True)
    if made_otherwise(trained.architecture, source, loaded.split_digest):
        click.echo(f"WARNING: {OTHER_SPLITS}", err=True)
    for file in loaded.unreadable:
        click.echo(f"left out: {file}", err=True)
    return loaded


def _measure(
    trained: "TrainedNetwork",
    loaded: "TaskData",
    source: Path | None,
    split: Split,
    *,
    choosing: bool,
) -> tuple["TrainedNetwork", "Metrics"]:
    """The network with its thresholds, chosen here or before, and its metrics on the split."""
    from nas.tasks.registry import task_named
    from nas.train.ensemble import with_chosen_thresholds
    from nas.train.loop import evaluate as measure
    from nas.train.source import same_data

    if choosing:
        trained, validation = with_chosen_thresholds(trained, loaded)
        if split == "validation":
            return trained, validation
    chosen_there = split == "validation" and same_data(trained.architecture, source)
    return trained, measure(
        trained.network,
        loaded,
        task_named(trained.architecture.task),
        split,
        device=trained.device,
        thresholds=None if chosen_there else trained.thresholds,
    )

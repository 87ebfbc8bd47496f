"""`nas evaluate`: a trained network's metrics on a split."""

import json
from functools import partial
from pathlib import Path

import click

from nas.cli import options
from nas.cli.options import FILE, Command, DataFlags, Machine, grouped, option
from nas.data.splits import Split
from nas.errors import NasError


@click.command("evaluate", cls=Command)
@click.argument("run", metavar="RUN_DIR", type=FILE)
@options.others("measured")
@option(
    "--save",
    metavar="FOLDER",
    type=FILE,
    help="Keep the runs of --with as an ensemble: a RUN_DIR for evaluate and predict.",
)
@grouped(
    "data",
    DataFlags,
    options.data("Other data  [default: the run's own]"),
    options.GROUPS,
    options.STRICT,
)
@options.split("Part of the data to measure on.", "test")
@options.JSON
@options.machine("all")
@options.imports()
def evaluate(
    run: Path,
    others: tuple[Path, ...],
    save: Path | None,
    data: DataFlags,
    split: Split,
    as_json: bool,
    machine: Machine,
) -> None:
    """Measure the network of RUN_DIR, which `nas train` wrote, with its stored preprocessing.

    Where a task has thresholds, they are the run's own; those of several runs together are chosen
    on the validation split. The validation split that they were chosen on is measured as in
    training, not with thresholds that were fitted to it.
    """
    from nas.report.evaluation import evaluation_lines
    from nas.runs.folder import new_run_folder, refuse_taken
    from nas.tasks.registry import task_named
    from nas.train.evaluation import evaluate as measure
    from nas.train.trained import save_ensemble

    if save is not None and not others:
        raise NasError("an ensemble needs other runs beside the first: give --with", key="--save")
    refuse_taken(save)
    result = measure(
        (run, *others),
        data.data,
        split=split,
        groups=data.groups,
        strict=data.strict,
        device=machine.ready(),
        say=partial(click.echo, err=True),
    )
    if save is not None:
        save_ensemble(new_run_folder(save, "ensemble"), result.trained)
    if as_json:
        click.echo(json.dumps(result.as_json(), indent=2, allow_nan=False, ensure_ascii=False))
    else:
        primary = task_named(result.trained.architecture.task).primary_metric
        click.echo("\n".join(evaluation_lines(split, primary, result.metrics)))

"""`nas evaluate`: a trained network's metrics on a split."""

import json
from functools import partial
from pathlib import Path

import click

from nas.data.splits import SPLITS, Split
from nas.errors import NasError


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
    from nas.train.device import set_threads
    from nas.train.evaluation import evaluate as measure
    from nas.train.trained import save_ensemble

    if save is not None and not others:
        raise NasError("an ensemble needs other runs beside the first: give --with", key="--save")
    refuse_taken(save)
    set_threads(threads)
    result = measure(
        (run, *others),
        data,
        split=split,
        groups=groups,
        strict=strict,
        device=device,
        say=partial(click.echo, err=True),
    )
    if save is not None:
        save_ensemble(new_run_folder(save, "ensemble"), result.trained)
    if as_json:
        click.echo(json.dumps(result.as_json(), indent=2, ensure_ascii=False))
    else:
        primary = task_named(result.trained.architecture.task).primary_metric
        click.echo("\n".join(evaluation_lines(split, primary, result.metrics)))

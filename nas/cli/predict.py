"""`nas predict`: what a trained network says of files."""

from pathlib import Path
from typing import Literal

import click

from nas.cli import options
from nas.cli.options import FILE, Command, Machine, option


@click.command("predict", cls=Command)
@click.argument("run", metavar="RUN_DIR", type=FILE)
@click.argument("files", nargs=-1, required=True, type=FILE)
@option(
    "--format",
    "form",
    type=click.Choice(["json", "csv"]),
    default="json",
    show_default=True,
    help="Output format.",
)
@options.out_file("File to write  [default: the terminal]")
@option(
    "--table",
    metavar="NAME",
    help="This table alone, a row an entry, as events of recordings; raven, audacity and dcase are "
    "written as those programs read them.",
)
@options.others("predicted")
@options.machine("all")
@options.imports()
def predict(
    run: Path,
    files: tuple[Path, ...],
    form: Literal["json", "csv"],
    out: Path | None,
    table: str | None,
    others: tuple[Path, ...],
    machine: Machine,
) -> None:
    """Predict FILES, or all in folders, with the network of RUN_DIR that `nas train` wrote.

    A file that can't be read, or for which the network's outputs are no numbers, gets an error in
    place of a prediction, and the exit code is 1. Where a file has tables of its own, as a
    recording its events, `--format csv --out x.csv` writes each beside the others, as x.events.csv.
    Thresholds of several runs together are chosen on validation data: keep them with
    `nas evaluate --with RUN --save FOLDER` and predict with that folder.
    """
    from nas.files import atomic_write_text
    from nas.report.predictions import prediction_files, prediction_texts
    from nas.tasks.registry import task_named
    from nas.train.evaluation import load_runs
    from nas.train.evaluation import predict as predictions_of

    trained = load_runs((run, *others), machine.ready())
    task = task_named(trained.architecture.task)
    several = form == "csv" and table is None
    places = {} if out is None else prediction_files(out, task.prediction_tables if several else ())
    predictions = list(predictions_of(trained, files))
    if write := task.text_tables.get(table or ""):
        texts = {"": write(predictions, trained.architecture)}
    else:
        texts = prediction_texts(predictions, form, table, task.prediction_tables)
    if out is None:
        click.echo(texts[""], nl=False)
    else:
        for name, place in places.items():
            atomic_write_text(place, texts[name])
    if more := [name for name in texts if name and name not in places]:
        click.echo(f"More with --table: {', '.join(more)}", err=True)
    if task.notice:
        click.echo(f"Note: {task.notice}", err=True)
    failed = [prediction for prediction in predictions if prediction.error is not None]
    if failed:
        click.echo(f"Error: {len(failed)} of {len(predictions)} files have no prediction", err=True)
        raise SystemExit(1)

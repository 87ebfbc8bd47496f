"""`nas predict`: what a trained network says of files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import click

from nas.errors import NasError


@click.command("predict")
@click.argument("run", metavar="RUN_DIR", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "csv"]),
    default="json",
    show_default=True,
    help="Of the output.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write  [default: the terminal]"
)
@click.option(
    "--table",
    metavar="NAME",
    help="This table alone, a row an entry, as events of recordings.",
)
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="RUN_DIR",
    type=click.Path(path_type=Path),
    help="Another run: the mean of all networks' probabilities counts. May be repeated.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--threads", type=click.IntRange(1), help="Cores that PyTorch uses  [default: all]")
def predict(
    run: Path,
    files: tuple[Path, ...],
    form: Literal["json", "csv"],
    out: Path | None,
    table: str | None,
    others: tuple[Path, ...],
    device: str,
    threads: int | None,
) -> None:
    """Predict FILES, or all in folders, with the network of RUN_DIR that `nas train` wrote.

    A file that can't be read gets an error in place of a prediction, and the exit code is 1. Where
    a file has tables of its own, as a recording its events, `--format csv --out x.csv` writes each
    beside the others, as x.events.csv. Thresholds of several runs together are chosen on validation
    data: keep them with `nas evaluate --with RUN --save FOLDER` and predict with that folder.
    """
    from nas.cli.prediction_tables import written
    from nas.files import atomic_write_text
    from nas.tasks.registry import task_named
    from nas.train.device import set_threads
    from nas.train.evaluation import load_runs
    from nas.train.evaluation import predict as predictions_of

    set_threads(threads)
    trained = load_runs((run, *others), device)
    task = task_named(trained.architecture.task)
    several = form == "csv" and table is None
    places = {} if out is None else _places(out, task.prediction_tables if several else ())
    predictions = list(predictions_of(trained, files))
    texts = written(predictions, form, table, task.prediction_tables)
    if out is None:
        click.echo(texts[""], nl=False)
        if more := [name for name in texts if name]:
            click.echo(f"More with --table: {', '.join(more)}", err=True)
    else:
        for name, place in places.items():
            atomic_write_text(place, texts[name])
    if task.notice:
        click.echo(f"Note: {task.notice}", err=True)
    failed = [prediction for prediction in predictions if prediction.error is not None]
    if failed:
        click.echo(f"Error: {len(failed)} of {len(predictions)} files could not be read", err=True)
        raise SystemExit(1)


def _places(out: Path, tables: Iterable[str]) -> dict[str, Path]:
    """File of each table, `out` itself last under an empty name: x.events.csv beside x.csv or x.

    Raises NasError, before anything is predicted, for one that is a folder.
    """
    name = out.stem if out.suffix.lower() == ".csv" else out.name
    places = {table: out.with_name(f"{name}.{table}.csv") for table in tables} | {"": out}
    for place in places.values():
        if place.is_dir():
            raise NasError("is a folder; name a file", file=place, key="--out")
    return places

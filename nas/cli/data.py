"""`nas data`: what a folder of images, of recordings or of X-rays looks like."""

import json
from pathlib import Path

import click

from nas.cli import options
from nas.cli.options import FILE, Command, option


@click.group("data")
def data() -> None:
    """Look at a data set."""


@data.command("stats", cls=Command)
@click.argument("source", metavar="DIR", type=FILE)
@option(
    "--long-side",
    type=click.IntRange(8, 4096),
    told_default="64, less where most pictures are smaller",
    help="Width of the input that pictures suggest, in pixels.",
)
@options.GROUPS
@options.seed("Random seed of splits that are made here.")
@options.STRICT
@options.JSON
@options.imports()
def stats(
    source: Path,
    long_side: int | None,
    groups: Path | None,
    seed: int,
    strict: bool,
    as_json: bool,
) -> None:
    """Count classes, splits and sizes; suggest an input size.

    DIR is a folder train/CLASS/* (with optional val/ and test/), a folder CLASS/*, or a CSV file
    with the columns path,label[,split][,group].

    Of recordings (a folder with train_tp.csv, or a YAML file that describes one) the rows of each
    class are counted; none is decoded.

    Of chest X-rays (a folder with train_image_level.csv, or a YAML file that describes one) the
    classes, patients, boxes and folds are counted.
    """
    from nas.data.statistics import StatisticsRequest
    from nas.tasks.registry import task_of_data

    request = StatisticsRequest(source, long_side, seed, strict, groups)
    statistics = task_of_data(source).statistics(request)
    if as_json:
        click.echo(json.dumps(statistics.as_json(), indent=2, allow_nan=False, ensure_ascii=False))
    else:
        click.echo("\n".join(statistics.lines()))

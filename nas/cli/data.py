"""`nas data`: what a folder of images looks like."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.text_table import aligned

if TYPE_CHECKING:
    from nas.data.statistics import DataStatistics, Spread


@click.group("data")
def data() -> None:
    """Look at a data set."""


@data.command("stats")
@click.argument("source", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--long-side",
    type=click.IntRange(8, 4096),
    default=64,
    show_default=True,
    help="Width of the suggested input, in pixels.",
)
@click.option(
    "--groups",
    type=click.Path(path_type=Path),
    help="CSV with the columns path,group: no group crosses splits.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of splits made here.")
@click.option(
    "--strict", is_flag=True, help="Stop at unreadable files instead of leaving them out."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def stats(
    source: Path, long_side: int, groups: Path | None, seed: int, strict: bool, as_json: bool
) -> None:
    """Class counts, shapes, the input size they suggest and the MACs it saves.

    DIR is a folder train/CLASS/* (with optional val/ and test/), a folder CLASS/*, or a CSV file
    with the columns path,label[,split][,group].
    """
    from nas.data.statistics import image_statistics

    statistics = image_statistics(
        source, long_side=long_side, groups=groups, seed=seed, strict=strict
    )
    if as_json:
        click.echo(json.dumps(asdict(statistics), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(statistics)))


def _lines(statistics: "DataStatistics") -> list[str]:
    height, width = statistics.input_size
    mean = ", ".join(f"{value:.4f}" for value in statistics.mean)
    std = ", ".join(f"{value:.4f}" for value in statistics.std)
    lines = [
        statistics.source,
        "",
        *_count_table(statistics),
        "",
        f"height            {_spread(statistics.height)}",
        f"width             {_spread(statistics.width)}",
        f"portraits         {statistics.portrait_share:.1%} of the training images, to be turned",
        f"mean ratio        1 : {statistics.mean_ratio:.3f} (long : short side, training images)",
        f"suggested input   {height} x {width} (height x width)",
        f"MACs saved        {statistics.macs_saved:.1%} of those at {width} x {width}",
        f"mean              {mean}",
        f"deviation         {std}",
        f"ignored files     {statistics.ignored_files}",
        f"unreadable files  {len(statistics.unreadable)}",
    ]
    return lines + [f"  {file.path}: {file.reason}" for file in statistics.unreadable]


def _spread(spread: "Spread") -> str:
    return f"{spread.minimum} to {spread.maximum} pixels, median {spread.median}"


def _count_table(statistics: "DataStatistics") -> list[str]:
    heads = [split.split + ("" if split.given else " (made)") for split in statistics.splits]
    columns = [split.class_counts for split in statistics.splits]
    rows = [
        (name, *(str(counts[position]) for counts in columns))
        for position, name in enumerate(statistics.classes)
    ]
    rows.append(("all", *(str(sum(counts)) for counts in columns)))
    return aligned([("class", *heads), *rows], left=(0,))

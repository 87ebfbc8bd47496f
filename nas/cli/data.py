"""`nas data`: what a folder of images, of recordings or of X-rays looks like."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli import options
from nas.cli.options import FILE, Command, option
from nas.errors import NasError
from nas.text_table import aligned

if TYPE_CHECKING:
    from nas.data.audio.statistics import AudioStatistics, SplitEvents
    from nas.data.image.statistics import DataStatistics, Spread
    from nas.data.xray.statistics import ShareSpread, XrayStatistics


@click.group("data")
def data() -> None:
    """Look at a data set."""


@data.command("stats", cls=Command)
@click.argument("source", metavar="DIR", type=FILE)
@option(
    "--long-side",
    type=click.IntRange(8, 4096),
    told_default="64",
    help="Width of the suggested input, in pixels.",
)
@options.GROUPS
@options.seed("Random seed of splits that are made here.")
@options.STRICT
@options.JSON
def stats(
    source: Path,
    long_side: int | None,
    groups: Path | None,
    seed: int,
    strict: bool,
    as_json: bool,
) -> None:
    """Class counts, shapes, the input size they suggest and the MACs it saves.

    DIR is a folder train/CLASS/* (with optional val/ and test/), a folder CLASS/*, or a CSV file
    with the columns path,label[,split][,group].

    Of recordings (a folder with train_tp.csv, or a YAML file that describes one) the rows of each
    class are counted; none is decoded.

    Of chest X-rays (a folder with train_image_level.csv, or a YAML file that describes one) the
    classes, patients, boxes and folds are counted.
    """
    from nas.data.audio.statistics import audio_statistics, holds_recordings
    from nas.data.image.statistics import image_statistics
    from nas.data.xray.source import holds_xrays

    if holds_xrays(source):
        from nas.data.xray.statistics import xray_statistics

        if long_side is not None:
            raise NasError("no input size follows from X-rays: leave it out", key="--long-side")
        xrays = xray_statistics(source, seed=seed, strict=strict, groups=groups)
        _show(xrays, _xray_lines(xrays), as_json=as_json)
    elif holds_recordings(source):
        if long_side is not None:
            raise NasError("recordings have no sides: leave it out", key="--long-side")
        found = audio_statistics(source, seed=seed, strict=strict, groups=groups)
        _show(found, _audio_lines(found), as_json=as_json)
    else:
        statistics = image_statistics(
            source, long_side=long_side or 64, groups=groups, seed=seed, strict=strict
        )
        _show(statistics, _lines(statistics), as_json=as_json)


def _show(
    statistics: "AudioStatistics | DataStatistics | XrayStatistics",
    lines: list[str],
    *,
    as_json: bool,
) -> None:
    if as_json:
        click.echo(json.dumps(asdict(statistics), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines))


def _audio_lines(statistics: "AudioStatistics") -> list[str]:
    in_part = [item.split for item in statistics.splits if not item.complete]
    known = f"in part in {', '.join(in_part)}" if in_part else "all that sounds"
    lines = [
        statistics.source,
        "",
        "rows that say a class sounds + rows that say it does not",
        *_event_table(statistics),
        "",
        f"labelled          {known}",
        f"ignored files     {statistics.ignored_files}",
        f"wrong rows        {len(statistics.wrong)}",
    ]
    return lines + [f"  {row}" for row in statistics.wrong]


def _event_table(statistics: "AudioStatistics") -> list[str]:
    splits = statistics.splits
    heads = [item.split + ("" if item.given else " (made)") for item in splits]
    rows = [
        (name, *(_rows_text(item, number) for item in splits))
        for number, name in enumerate(statistics.classes)
    ]
    rows.append(("recordings", *(str(item.recordings) for item in splits)))
    return aligned([("class", *heads), *rows], left=(0,))


def _rows_text(item: "SplitEvents", number: int) -> str:
    return f"{item.present_counts[number]} + {item.absent_counts[number]}"


def _xray_lines(statistics: "XrayStatistics") -> list[str]:
    boxes = ", ".join(f"{n}: {count}" for n, count in enumerate(statistics.boxes_per_image))
    lines = [
        statistics.source,
        "",
        *_xray_table(statistics),
        "",
        f"boxes an image    {boxes} images",
        f"box height        {_shares(statistics.box_height)} of the image's",
        f"box width         {_shares(statistics.box_width)} of the image's",
        f"height            {_spread(statistics.height)}",
        f"width             {_spread(statistics.width)}",
        f"mean              {statistics.mean:.4f}",
        f"std               {statistics.std:.4f}",
        f"folds             {', '.join(map(str, statistics.fold_images))} images",
        f"ignored files     {statistics.ignored_files}",
        *(f"note              {note}" for note in statistics.notes),
        f"left out          {len(statistics.unreadable)} files, rows and boxes",
    ]
    return lines + [f"  {line}" for line in statistics.unreadable]


def _xray_table(statistics: "XrayStatistics") -> list[str]:
    heads = [split.split + ("" if split.given else " (made)") for split in statistics.splits]
    rows = [
        (name, *(str(split.class_counts[position]) for split in statistics.splits))
        for position, name in enumerate(statistics.classes)
    ]
    rows += [
        ("images", *(str(split.images) for split in statistics.splits)),
        ("with boxes", *(str(split.with_boxes) for split in statistics.splits)),
        ("studies", *(str(split.studies) for split in statistics.splits)),
        ("patients", *(str(split.patients) for split in statistics.splits)),
    ]
    return aligned([("class", *heads), *rows], left=(0,))


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
        f"std               {std}",
        f"ignored files     {statistics.ignored_files}",
        f"unreadable files  {len(statistics.unreadable)}",
    ]
    return lines + [f"  {file.path}: {file.reason}" for file in statistics.unreadable]


def _shares(shares: "ShareSpread | None") -> str:
    if shares is None:
        return "none"
    return f"{shares.minimum:.1%} to {shares.maximum:.1%}, median {shares.median:.1%}"


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

"""`nas covid`: cross-validation, and the competition's submission file."""

from pathlib import Path
from typing import Any

import click

from nas.data.split_names import SPLITS, Split
from nas.errors import NasError

FILE = click.Path(path_type=Path)
SHARE = click.FloatRange(0, 1)
SPLIT = click.option("--split", type=click.Choice(SPLITS), help="Only this split of the data.")
FOLD = click.option(
    "--fold",
    type=click.IntRange(0, 4),
    default=0,
    show_default=True,
    help="The one of 5 folds that is the test split.",
)


@click.group("covid")
def covid() -> None:
    """Chest X-rays of Kaggle's SIIM-FISABIO-RSNA COVID-19 detection. Never for diagnosis."""


@covid.command("submit")
@click.argument("data", type=FILE)
@click.option("--study", type=FILE, metavar="RUN", help="Classifier of the four study classes.")
@click.option("--opacity", type=FILE, metavar="RUN", help="Classifier of opacity / none.")
@click.option("--detection", type=FILE, metavar="RUN", help="Detector of opacities.")
@click.option("--out", type=FILE, required=True, help="File to write.")
@SPLIT
@FOLD
@click.option(
    "--views",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help="Symmetries of the square that the detector sees: test-time augmentation.",
)
@click.option("--fusion", is_flag=True, help="Weighted boxes fusion in place of suppression.")
@click.option(
    "--max-iou",
    type=SHARE,
    default=0.5,
    show_default=True,
    help="Boxes that overlap more become one.",
)
@click.option(
    "--none-exponent",
    type=click.FloatRange(0),
    default=0.3,
    show_default=True,
    help="Scores of boxes are multiplied by (1 - none)^this, with --opacity.",
)
@click.option("--drop-none", type=SHARE, help="No boxes where none is likelier, with --opacity.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--threads", type=click.IntRange(1), help="Cores that PyTorch uses  [default: all]")
def submit(
    data: Path,
    out: Path,
    split: Split | None,
    fold: int,
    views: int,
    fusion: bool,
    max_iou: float,
    none_exponent: float,
    drop_none: float | None,
    device: str,
    threads: int | None,
    **runs: Path | None,
) -> None:
    """Write the submission for the X-rays of DATA: a folder of STUDY/SERIES/IMAGE.dcm or
    STUDY/IMAGE.jpg, or a data set with its tables.

    What no run tells of stays empty. A file that can't be read is named, and the exit code is 1.
    """
    from nas.cli.covid_runs import load_runs
    from nas.tasks.covid.file_detections import Views
    from nas.tasks.covid.findings import NoneRules, build_submission
    from nas.tasks.covid.notice import NOT_FOR_DIAGNOSIS
    from nas.tasks.covid.submission import write_submission
    from nas.train.device import choose_device, set_threads

    if out.is_dir():
        raise NasError("is a folder; name a file", file=out, key="--out")
    set_threads(threads)
    loaded = load_runs(runs, choose_device(device), Views(views, fusion, max_iou))
    built = build_submission(
        _submitted(data, split, fold), loaded, NoneRules(none_exponent, drop_none)
    )
    write_submission(out, built.submission)
    studies, images = len(built.submission.studies), len(built.submission.images)
    click.echo(f"{studies} studies and {images} images written to {out}")
    click.echo(f"Note: {NOT_FOR_DIAGNOSIS}", err=True)
    for line in built.unreadable:
        click.echo(f"Error: {line}", err=True)
    if built.unreadable:
        raise SystemExit(1)


@covid.command("check")
@click.argument("file", type=FILE)
@click.option("--data", type=FILE, help="Labelled data: its ids must be there, mAP is measured.")
@SPLIT
@FOLD
def check(file: Path, data: Path | None, split: Split | None, fold: int) -> None:
    """Check that FILE is a submission as the competition takes it; with --data measure it too."""
    from nas.metrics.competition import competition_metrics
    from nas.report.xray_metrics import competition_lines
    from nas.tasks.covid.submission import read_submission
    from nas.tasks.covid.submitted import labelled_xrays, truth_of

    if data is None:
        if split is not None:
            raise NasError("is of labelled data: give --data too", key="--split")
        found = read_submission(file)
        click.echo(f"{len(found.studies)} studies and {len(found.images)} images, all well formed")
        return
    truth = truth_of(labelled_xrays(data, split, fold))
    found = read_submission(file, truth.studies.keys(), truth.images.keys())
    click.echo(
        "\n".join(competition_lines(competition_metrics(found.studies, found.images, truth)))
    )


@covid.command("pool")
@click.argument("runs", type=FILE, nargs=-1, metavar="RUN...")
@click.option("--out", type=FILE, help="File to write the metrics to, as JSON.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--threads", type=click.IntRange(1), help="Cores that PyTorch uses  [default: all]")
def pool(runs: tuple[Path, ...], out: Path | None, device: str, threads: int | None) -> None:
    """Measure the runs of several folds as one: each image by the network that has not seen it.

    The runs are those of `nas train --fold 0`, `--fold 1` and so on, with one way of training.
    """
    from nas.cli.covid_pool import pool_and_show
    from nas.train.device import choose_device, set_threads

    if out is not None and out.exists():
        raise NasError("is there already", file=out, key="--out")
    set_threads(threads)
    pool_and_show(runs, choose_device(device), out)


def _submitted(data: Path, split: Split | None, fold: int) -> Any:
    """The X-rays of a folder, or of a labelled data set."""
    from nas.data.xray_source import holds_xrays
    from nas.tasks.covid.submitted import labelled_xrays, submitted, xrays_in

    if holds_xrays(data):
        return submitted(labelled_xrays(data, split, fold))
    if not data.is_dir():
        raise NasError("no such folder", file=data)
    if split is not None:
        raise NasError("has no tables, so it has no splits", file=data, key="--split")
    return xrays_in(data)

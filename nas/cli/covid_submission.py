"""`nas covid submit` and `nas covid check`: the competition's file, written and checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli.finite_range import FiniteRange
from nas.data.splits import SPLITS, Split
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.tasks.covid.findings import SubmittedXray
    from nas.train.trained import TrainedNetwork

FILE = click.Path(path_type=Path)
SHARE = FiniteRange(0, 1)
SPLIT = click.option("--split", type=click.Choice(SPLITS), help="Only this split of the data.")
OF_BOXES = ("tta", "fusion", "max_iou", "none_exponent", "drop_none")
"""Flags that change what a detector finds."""
OF_NONE = ("none_exponent", "drop_none")
"""Those that need a classifier of opacity / none beside it."""


@click.command("submit")
@click.argument("data", type=FILE)
@click.option("--study", type=FILE, metavar="RUN", help="Classifier of the four study classes.")
@click.option("--opacity", type=FILE, metavar="RUN", help="Classifier of opacity / none.")
@click.option("--detection", type=FILE, metavar="RUN", help="Detector of opacities.")
@click.option("--out", type=FILE, required=True, help="File to write.")
@SPLIT
@click.option(
    "--fold",
    type=click.IntRange(0, 4),
    help="With --split: the one of 5 folds that is the test split  [default: the runs']",
)
@click.option(
    "--tta",
    "--views",  # until version 0.3
    "tta",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help="Test-time augmentation: symmetries of the square that the detector sees.",
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
    type=FiniteRange(0),
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
    fold: int | None,
    tta: int,
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
    Splits of the data that the runs were trained on are the runs' own.
    """
    from nas.cli.covid_runs import load_runs, submission_networks
    from nas.tasks.covid.findings import NoneRules, build_submission
    from nas.tasks.covid.submission import write_submission
    from nas.tasks.covid.task import NOT_FOR_DIAGNOSIS
    from nas.tasks.covid.tta import TtaSettings
    from nas.train.device import choose_device, set_threads

    _refuse_useless(runs, split)
    if out.is_dir():
        raise NasError("is a folder; name a file", file=out, key="--out")
    set_threads(threads)
    loaded = load_runs(runs, choose_device(device))
    built = build_submission(
        _submitted(data, split, fold, loaded),
        submission_networks(loaded, TtaSettings(tta, fusion, max_iou)),
        NoneRules(none_exponent, drop_none),
    )
    write_submission(out, built.submission)
    studies, images = len(built.submission.studies), len(built.submission.images)
    click.echo(f"{studies} studies and {images} images written to {out}")
    click.echo(f"Note: {NOT_FOR_DIAGNOSIS}", err=True)
    for line in built.unreadable:
        click.echo(f"Error: {line}", err=True)
    if built.unreadable:
        raise SystemExit(1)


@click.command("check")
@click.argument("file", type=FILE)
@click.option("--data", type=FILE, help="Labelled data: its ids must be there, mAP is measured.")
@SPLIT
@click.option(
    "--fold", type=click.IntRange(0, 4), help="The one of 5 folds that is the test split."
)
@click.option("--groups", type=FILE, help="CSV path,group that the runs were trained with.")
def check(
    file: Path, data: Path | None, split: Split | None, fold: int | None, groups: Path | None
) -> None:
    """Check that FILE is a submission as the competition takes it; with --data measure it too."""
    from nas.metrics.competition import competition_metrics
    from nas.tasks.covid.findings import listed_for_submission, truth_of
    from nas.tasks.covid.submission import competition_lines, read_submission

    _refuse_without(data, "--data", ("split", "fold", "groups"))
    _refuse_without(split, "--split", ("fold", "groups"))
    if data is None:
        found = read_submission(file)
        if not found.studies and not found.images:
            raise NasError("has no rows below its header", file=file)
        click.echo(f"{len(found.studies)} studies and {len(found.images)} images, all well formed")
        return
    truth = truth_of(listed_for_submission(data, split, fold or 0, groups))
    found = read_submission(file, truth.studies.keys(), truth.images.keys())
    click.echo(
        "\n".join(competition_lines(competition_metrics(found.studies, found.images, truth)))
    )


def _refuse_useless(runs: Mapping[str, Path | None], split: Split | None) -> None:
    _refuse_without(runs["detection"], "--detection", OF_BOXES)
    _refuse_without(runs["opacity"], "--opacity", OF_NONE)
    _refuse_without(split, "--split", ("fold",))


def _refuse_without(value: object, needed: str, names: tuple[str, ...]) -> None:
    """Raise NasError where one of these flags was typed and what it changes was not given."""
    from nas.cli.overrides import given_flags

    context = click.get_current_context()
    others = {item.name for item in context.command.params if item.name} - set(names)
    if value is None and (given := given_flags(context, kept=others)):
        raise NasError(f"has no use without {needed}", key=given[0])


def _submitted(
    data: Path, split: Split | None, fold: int | None, loaded: Mapping[str, "TrainedNetwork"]
) -> "list[SubmittedXray]":
    """The X-rays of a folder, or of a labelled data set."""
    from nas.cli.covid_runs import trained_on
    from nas.data.xray.source import holds_xrays
    from nas.tasks.covid.findings import listed_for_submission, submitted, xrays_in

    if not holds_xrays(data):
        if not data.is_dir():
            raise NasError("no such folder", file=data)
        if split is not None:
            raise NasError("has no tables, so it has no splits", file=data, key="--split")
        return xrays_in(data)
    own = trained_on(loaded, data)
    if own is None:
        return submitted(listed_for_submission(data, split, fold or 0))
    if fold not in (None, own.fold):
        raise NasError(
            f"the runs were trained with fold {own.fold} as their test split: images that fold "
            f"{fold} tests on they have learned from",
            key="--fold",
        )
    if split is None:
        click.echo(
            "WARNING: the runs were trained on some of these images: what `nas covid check` "
            "measures of them is too high; give --split test",
            err=True,
        )
    return submitted(listed_for_submission(data, split, own.fold, own.groups))

"""`nas covid`: cross-validation, and the competition's submission file."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click

from nas.cli import options
from nas.cli.options import FILE, Command, FiniteRange, Machine, grouped, option
from nas.cli.settings import refuse_without
from nas.data.splits import Split
from nas.errors import NasError

SHARE = FiniteRange(0, 1)
OF_BOXES = ("tta", "fusion", "max_iou", "none_exponent", "drop_none")
"""Parameters that change what a detector finds."""
OF_NONE = ("none_exponent", "drop_none")
"""Those that need a classifier of opacity / none beside it."""


@click.group("covid")
def covid() -> None:
    """Chest X-rays of Kaggle's SIIM-FISABIO-RSNA COVID-19 detection. Never for diagnosis."""


@dataclass(frozen=True)
class RunFlags:
    """The runs that a submission is made with."""

    study: Path | None
    opacity: Path | None
    detection: Path | None


@dataclass(frozen=True)
class BoxFlags:
    """What is done with a detector's boxes."""

    tta: int
    fusion: bool
    max_iou: float
    none_exponent: float
    drop_none: float | None


@covid.command("submit", cls=Command)
@click.argument("data", type=FILE)
@grouped(
    "runs",
    RunFlags,
    option("--study", type=FILE, metavar="RUN", help="Classifier of the four study classes."),
    option("--opacity", type=FILE, metavar="RUN", help="Classifier of opacity / none."),
    option("--detection", type=FILE, metavar="RUN", help="Detector of opacities."),
)
@options.out_file("File to write.", required=True)
@options.split("Only this split of the data.")
@options.fold("the runs'")
@grouped(
    "boxes",
    BoxFlags,
    option(
        "--tta",
        type=click.IntRange(1, 8),
        default=1,
        show_default=True,
        old=("--views",),
        help="Test-time augmentation: symmetries of the square that the detector sees.",
    ),
    option("--fusion", is_flag=True, help="Weighted boxes fusion instead of NMS."),
    option(
        "--max-iou",
        type=SHARE,
        default=0.5,
        show_default=True,
        help="Boxes that overlap more become one; above 0.5 for our head alone.",
    ),
    option(
        "--none-exponent",
        type=FiniteRange(0),
        default=0.3,
        show_default=True,
        help="Scores of boxes are multiplied by (1 - none)^this, with --opacity.",
    ),
    option("--drop-none", type=SHARE, help="No boxes where none is likelier, with --opacity."),
)
@options.machine("all")
@options.imports()
def submit(
    data: Path,
    runs: RunFlags,
    out: Path,
    split: Split | None,
    fold: int | None,
    boxes: BoxFlags,
    machine: Machine,
) -> None:
    """Write the competition's file for the X-rays of DATA.

    DATA is a folder of STUDY/SERIES/IMAGE.dcm or STUDY/IMAGE.jpg, or a data set with its tables.

    What no run tells of stays empty. A file that can't be read is named, and the exit code is 1.
    Splits of the data that the runs were trained on are the runs' own.
    """
    from baselines.covid.submission import load_runs, submission_networks, submitted_xrays
    from nas.tasks.covid.findings import NoneRules, build_submission
    from nas.tasks.covid.submission import write_submission
    from nas.tasks.covid.task import NOT_FOR_DIAGNOSIS
    from nas.tasks.covid.tta import TtaSettings

    refuse_without(runs.detection, "--detection", OF_BOXES)
    refuse_without(runs.opacity, "--opacity", OF_NONE)
    refuse_without(split, "--split", ("fold",))
    if out.is_dir():
        raise NasError("is a folder; name a file", file=out, key="--out")
    loaded = load_runs(asdict(runs), machine.ready())
    warn = partial(click.echo, err=True)
    built = build_submission(
        submitted_xrays(data, loaded, split=split, fold=fold, warn=warn),
        submission_networks(loaded, TtaSettings(boxes.tta, boxes.fusion, boxes.max_iou)),
        NoneRules(boxes.none_exponent, boxes.drop_none),
    )
    write_submission(out, built.submission)
    studies, images = len(built.submission.studies), len(built.submission.images)
    click.echo(f"{studies} studies and {images} images written to {out}")
    warn(f"Note: {NOT_FOR_DIAGNOSIS}")
    for line in built.unreadable:
        warn(f"Error: {line}")
    if built.unreadable:
        raise SystemExit(1)


@covid.command("check", cls=Command)
@click.argument("file", type=FILE)
@options.data("Labelled data: its ids must be there, mAP is measured.")
@options.split("Only this split of the data.")
@options.fold()
@options.GROUPS
def check(
    file: Path, data: Path | None, split: Split | None, fold: int | None, groups: Path | None
) -> None:
    """Check the competition's file, and measure it.

    Is FILE a submission as the competition takes it? With --data its mAP is measured too.
    """
    from nas.metrics.competition import competition_metrics
    from nas.tasks.covid.findings import listed_for_submission, truth_of
    from nas.tasks.covid.submission import competition_lines, read_submission
    from nas.tasks.registry import task_named
    from nas.train.source import checked_fold

    refuse_without(data, "--data", ("split", "fold", "groups"))
    refuse_without(split, "--split", ("fold", "groups"))
    if data is None:
        found = read_submission(file)
        if not found.studies and not found.images:
            raise NasError("has no rows below its header", file=file)
        click.echo(f"{len(found.studies)} studies and {len(found.images)} images, all well formed")
        return
    checked_fold(task_named("covid-study"), fold)
    truth = truth_of(listed_for_submission(data, split, fold or 0, groups))
    found = read_submission(file, truth.studies.keys(), truth.images.keys())
    metrics = competition_metrics(found.studies, found.images, truth)
    click.echo("\n".join(competition_lines(metrics)))


@covid.command("pool", cls=Command)
@click.argument("runs", type=FILE, nargs=-1, metavar="RUN...")
@options.out_file("File to write the metrics to, as JSON.")
@options.machine("all")
@options.imports()
def pool(runs: tuple[Path, ...], out: Path | None, machine: Machine) -> None:
    """Measure the runs of several folds as one.

    Each image is measured by the network that has not seen it. The runs are those of
    `nas train --fold 0`, `--fold 1` and so on, with one way of training.
    """
    from nas.train.pooled import pool_and_say

    if out is not None and out.exists():
        raise NasError("is there already", file=out, key="--out")
    pool_and_say(runs, machine.ready(), out, say=click.echo)

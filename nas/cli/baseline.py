"""`nas baseline`: the big pipelines, trained as `nas train` trains."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from nas.cli import options
from nas.cli.baseline_xray import detection_baseline, study_baseline
from nas.cli.options import FILE, Command, DataFlags, FiniteRange, Machine, grouped, option
from nas.cli.settings import TrainingFlags, first_weights, refuse_others, training_options
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import InputSpec


@click.group("baseline")
def baseline() -> None:
    """Train the big networks that compact ones are held against."""


@dataclass(frozen=True)
class SedFlags:
    """What the command line says of the backbone and of how it is trained."""

    backbone: str | None
    pretrained: bool
    weights: str | None
    cbam: bool
    best_practice: bool
    mixup: Literal["none", "input", "last_layer"] | None
    focal: bool | None
    positive_decay: float | None
    training: TrainingFlags
    size: "InputSpec | None"
    overlap: int | None
    inputs_of: Path | None


@baseline.command("sed", cls=Command)
@options.LIST
@option(
    "--ensemble",
    type=FILE,
    multiple=True,
    metavar="RUN",
    help="Measure the mean of trained runs; twice or more.",
)
@grouped(
    "data",
    DataFlags,
    options.data("Recordings with their tables  [default: built-in]"),
    options.GROUPS,
    options.STRICT,
)
@options.out("New folder  [default: runs/NAME-baseline]")
@grouped(
    "flags",
    SedFlags,
    option("--backbone", metavar="NAME", help="Backbone to train, e.g. resnet18."),
    options.pretrained("timm's"),
    options.weights(),
    option("--cbam", is_flag=True, help="Channel and spatial attention before the head."),
    option("--best-practice", is_flag=True, help="All that the starred models share, at once."),
    option(
        "--mixup",
        type=click.Choice(["none", "input", "last_layer"]),
        is_flag=False,
        flag_value="last_layer",
        help="Mix pairs of windows; without a value their last-layer features.",
    ),
    option("--focal/--no-focal", default=None, help="The focal form of the loss."),
    option(
        "--positive-decay",
        type=FiniteRange(0, 1, min_open=True),
        help="Weight of each further positive of a class in a batch; 1 is off.",
    ),
    training_options(
        "accumulate", "epochs", "batch_size", "learning_rate", "seed",
        defaults=False,
        epochs={"help": "Training epochs of each round."},
        batch_size={"help": "Windows in a batch."},
    ),
    options.input_size("Mel bands and frames  [default: 1x128x512]"),
    option(
        "--overlap",
        type=click.IntRange(0, 65_536),
        told_default="49",
        help="Frames that neighbouring windows share.",
    ),
    options.INPUTS_OF,
)  # fmt: skip
@options.machine("half")
@options.imports()
def sed_baseline(
    list_all: bool,
    ensemble: tuple[Path, ...],
    data: DataFlags,
    out: Path | None,
    flags: SedFlags,
    machine: Machine,
) -> None:
    """Big networks for sound events: a backbone of timm, attention over time.

    Train --backbone NAME, or measure the mean of trained runs with --ensemble RUN --ensemble RUN.
    A run that was stopped goes on with `nas train --resume RUN`.
    """
    if sum((list_all, bool(ensemble), flags.backbone is not None)) != 1:
        raise NasError("give --backbone NAME, --ensemble RUN twice or more, or --list, one of them")
    if list_all:
        from baselines.sed.backbones import sed_listing

        click.echo("\n".join(sed_listing()))
    elif ensemble:
        kept = ("ensemble", "data", "groups", "out", "device", "threads", "strict", "imports")
        refuse_others(kept, "--ensemble", "the runs are trained")
        _measure(ensemble, data, out, machine)
    else:
        _train(flags, data, out, machine)


def _train(flags: SedFlags, data: DataFlags, out: Path | None, machine: Machine) -> None:
    from baselines.sed.backbones import BEST_PRACTICE, PLAIN
    from baselines.sed.plan import SedBaselineSettings, sed_plan
    from nas.train.device import choose_device, default_threads
    from nas.train.run import run_plan

    device = choose_device(machine.where)
    if flags.best_practice and flags.training.training is not None:
        raise NasError("give --training or --best-practice, one of them")
    settings = SedBaselineSettings(
        backbone=str(flags.backbone),
        training=flags.training.over(BEST_PRACTICE if flags.best_practice else PLAIN),
        training_file=flags.training.training,
        focal=flags.focal,
        positive_decay=flags.positive_decay,
        mixup=flags.mixup,
        inputs_of=flags.inputs_of,
        input=flags.size,
        overlap_frames=flags.overlap,
        cbam=flags.cbam,
        weights=first_weights(flags.weights, pretrained=flags.pretrained),
        data=data.data,
        groups=data.groups,
        strict=data.strict,
    )
    plan = sed_plan(settings, out, machine.threads or default_threads())
    run_plan(plan, device, say=click.echo)


def _measure(runs: tuple[Path, ...], data: DataFlags, out: Path | None, machine: Machine) -> None:
    """The mean of the runs on the test split, written to a folder and shown."""
    from baselines.sed.ensemble import load_members, measure_ensemble, write_ensemble
    from nas.report.evaluation import evaluation_lines
    from nas.runs.folder import refuse_taken
    from nas.tasks.registry import task_named

    device = machine.ready()
    refuse_taken(out)
    mean = load_members(runs, device)
    result = measure_ensemble(mean, data.data, groups=data.groups, strict=data.strict)
    folder = write_ensemble(result, out)
    primary_metric = task_named("sed").primary_metric
    click.echo("\n".join(evaluation_lines("test", primary_metric, result.test)))
    click.echo(f"mean of {len(runs)} runs; written to {folder}")


baseline.add_command(detection_baseline)
baseline.add_command(study_baseline)

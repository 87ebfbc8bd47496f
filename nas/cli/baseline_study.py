"""`nas baseline covid-study`: the big classifiers of chest X-rays."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli.finite_range import FiniteRange
from nas.cli.xray_options import FILE, data_options, machine_options, training_options
from nas.errors import NasError

if TYPE_CHECKING:
    import torch

    from baselines.covid.study_plan import StudySettings

COMMAND = "nas baseline covid-study"


@click.command("covid-study")
@click.option("--list", "list_all", is_flag=True, help="Show all backbones and published figures.")
@click.option("--backbone", metavar="NAME", help="Which one, e.g. efficientnet_b3.")
@click.option(
    "--steps",
    type=click.Choice(["1", "3"]),
    default="1",
    show_default=True,
    help="1: plain training. 3: a teacher that sees opacities alone, a student, fine-tuning.",
)
@click.option(
    "--aux-weight",
    type=FiniteRange(0, min_open=True),
    help="Weight of the student's distance to the teacher  [default: 1]",
)
@data_options
@click.option(
    "--labels",
    type=click.Choice(["study", "opacity"]),
    help="The study's four classes, or whether an image has an opacity  [default: study]",
)
@click.option("--input", metavar="CxHxW", help="Three channels, sides  [default: 3x384x384]")
@click.option("--inputs-of", type=FILE, help="Architecture file: its sides, labels, data, split.")
@click.option("--pretrained", is_flag=True, help="Start from timm's published weights.")
@training_options(epochs="Passes; the teacher's 2/3 of it.")
@click.option("--out", type=FILE, help="New folder  [default: runs/NAME-baseline, -steps, -folds]")
@click.option(
    "--resume", type=FILE, metavar="OUT", help="Go on with the steps or folds of this folder."
)
@machine_options
def study_baseline(list_all: bool, resume: Path | None, **flags: Any) -> None:
    """The class of a chest X-ray's study, or whether it has an opacity, with a big classifier.

    Train --backbone NAME on one fold, or on several with --folds. What was stopped goes on with
    --resume OUT, a single plain run with `nas train --resume RUN`.
    """
    if sum((list_all, resume is not None, flags["backbone"] is not None)) != 1:
        raise NasError("give --backbone NAME, --resume OUT or --list, one of them")
    from nas.cli.overrides import refuse_others

    if list_all:
        refuse_others({"list_all"}, "--list", "all backbones are shown")
        from baselines.covid.classifiers import study_listing

        click.echo("\n".join(study_listing()))
    elif resume is not None:
        refuse_others({"resume", "device", "threads"}, "--resume", "it keeps its settings")
        _resume(resume, flags["device"], flags["threads"])
    else:
        _train(flags)


def _train(flags: dict[str, Any]) -> None:
    """All that the flags ask for, in a new folder."""
    from baselines.covid.classifiers import backbone_named, substitute_note
    from baselines.covid.folds import begun_folds
    from nas.cli.study_flags import settings_from_flags
    from nas.runs.folder import refuse_taken
    from nas.train.device import choose_device

    device = choose_device(flags["device"])
    refuse_taken(flags["out"])
    settings = settings_from_flags(flags)
    if settings.pretrained and (note := substitute_note(backbone_named(settings.backbone))):
        click.echo(note)
    if settings.steps == 1 and not settings.folds:
        _train_plainly(flags["out"], settings, device)
        return
    kind = "folds" if settings.folds else "steps"
    with begun_folds(flags["out"], f"{settings.backbone}-{kind}", settings) as out:
        _go_on(out, settings, device)


def _train_plainly(out: Path | None, settings: "StudySettings", device: "torch.device") -> None:
    """A single run, as one of `nas train`."""
    from baselines.covid.study_plan import study_plan
    from nas.runs.folder import locked_run, new_run_folder
    from nas.train.run import carry_out

    folder = new_run_folder(out, f"{settings.backbone}-baseline")
    with locked_run(folder):
        carry_out(study_plan(settings, None, folder), device, say=click.echo)


def _resume(out: Path, device_name: str, threads: int | None) -> None:
    """What is left of a folder's steps or folds."""
    from baselines.covid.folds import SETTINGS_FILE, resumed_folds
    from baselines.covid.study_plan import StudySettings
    from nas.train.device import choose_device

    if not (out / SETTINGS_FILE).exists():
        raise NasError(
            "no steps or folds of this baseline were begun here; a single plain run goes on with "
            "`nas train --resume RUN`",
            file=out,
            key="--resume",
        )
    device = choose_device(device_name)
    with resumed_folds(out, StudySettings, threads) as settings:
        _go_on(out, settings, device)


def _go_on(out: Path, settings: "StudySettings", device: "torch.device") -> None:
    """Do what is left. Raises NasError where nothing is."""
    from baselines.covid.folds import run_folds
    from baselines.covid.study_plan import final_run, run_fold
    from nas.train.plan import METRICS_FILE

    if settings.folds:
        run = partial(run_fold, settings, device, say=click.echo)
        run_folds(out, settings.folds, run, device, command=COMMAND, say=click.echo)
        return
    if (final_run(settings, out) / METRICS_FILE).exists():
        raise NasError("all steps are finished: see step-3/metrics.json", file=out)
    try:
        run_fold(settings, device, None, out, say=click.echo)
    except KeyboardInterrupt:
        click.echo(f"stopped; go on with: {COMMAND} --resume {out}")
        raise

"""`nas baseline covid-detection`: the big detectors of chest X-rays."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli.xray_options import FILE, data_options, machine_options, training_options
from nas.errors import NasError

if TYPE_CHECKING:
    import torch

    from baselines.covid.detection_plan import DetectionSettings
    from nas.train.plan import RunPlan

COMMAND = "nas baseline covid-detection"


@click.command("covid-detection")
@click.option("--list", "list_all", is_flag=True, help="Show all detectors and published figures.")
@click.option("--model", metavar="NAME", help="Which one, e.g. efficientdet_d0.")
@data_options
@click.option("--input", metavar="CxHxW", help="Channels 1 or 3, sides  [default: 3x512x512]")
@click.option("--inputs-of", type=FILE, help="Architecture file: its input, data and split.")
@click.option("--pretrained", is_flag=True, help="Start from the library's published weights.")
@click.option(
    "--backbone-from",
    type=FILE,
    metavar="RUN",
    help="Start the backbone from this classifier; with --pretrained the rest from the library.",
)
@training_options(epochs="Passes over the training split.")
@click.option("--out", type=FILE, help="New folder  [default: runs/NAME-baseline or -folds]")
@click.option("--resume", type=FILE, metavar="OUT", help="Go on with the --folds of this folder.")
@machine_options
def detection_baseline(list_all: bool, resume: Path | None, **flags: Any) -> None:
    """Where opacities are, with a big detector of effdet or torchvision.

    Train --model NAME on one fold, or on several with --folds. A run that was stopped goes on with
    `nas train --resume RUN`, a training on several folds with --resume OUT.
    """
    if sum((list_all, resume is not None, flags["model"] is not None)) != 1:
        raise NasError("give --model NAME, --resume OUT or --list, one of them")
    from nas.cli.overrides import refuse_others

    if list_all:
        refuse_others({"list_all"}, "--list", "all detectors are shown")
        from baselines.covid.detectors import detector_listing

        click.echo("\n".join(detector_listing()))
    elif resume is not None:
        refuse_others({"resume", "device", "threads"}, "--resume", "the folds keep their settings")
        _resume(resume, flags["device"], flags["threads"])
    else:
        _train(flags)


def _train(flags: dict[str, Any]) -> None:
    """One run, or one for each fold, in a new folder."""
    from baselines.covid.detection_plan import detection_plan
    from baselines.covid.folds import begun_folds
    from nas.cli.detection_flags import settings_from_flags
    from nas.runs.folder import locked_run, new_run_folder, refuse_taken
    from nas.train.device import choose_device

    device = choose_device(flags["device"])
    refuse_taken(flags["out"])
    settings = settings_from_flags(flags)
    if settings.folds:
        with begun_folds(flags["out"], f"{settings.model}-folds", settings) as out:
            _run_folds(out, settings, device)
        return
    folder = new_run_folder(flags["out"], f"{settings.model}-baseline")
    with locked_run(folder):
        _carry_out(detection_plan(settings, None, folder), device)


def _resume(out: Path, device_name: str, threads: int | None) -> None:
    """What is left of a run for each fold."""
    from baselines.covid.detection_plan import DetectionSettings
    from baselines.covid.folds import resumed_folds
    from nas.train.device import choose_device

    device = choose_device(device_name)
    with resumed_folds(out, DetectionSettings, threads) as settings:
        _run_folds(out, settings, device)


def _run_folds(out: Path, settings: "DetectionSettings", device: "torch.device") -> None:
    from baselines.covid.detection_plan import detection_plan
    from baselines.covid.folds import finish_run, run_folds

    def run_fold(fold: int, folder: Path) -> Path:
        return finish_run(
            folder,
            partial(detection_plan, settings, fold),
            partial(_carry_out, device=device, threads=settings.threads),
            say=click.echo,
        )

    run_folds(out, settings.folds, run_fold, device, command=COMMAND, say=click.echo)


def _carry_out(plan: "RunPlan", device: "torch.device", threads: int | None = None) -> None:
    """Train on `threads` cores, None is as many as the plan says."""
    from nas.train.run import carry_out

    carry_out(plan if threads is None else plan.on_threads(threads), device, say=click.echo)

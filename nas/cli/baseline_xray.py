"""`nas baseline covid-study` and `covid-detection`: big classifiers and detectors of X-rays."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli import options
from nas.cli.options import FILE, Command, Decorator, FiniteRange, Machine, grouped, option
from nas.cli.settings import TrainingFlags, first_weights, refuse_others, training_options
from nas.errors import NasError

if TYPE_CHECKING:
    from baselines.covid.settings import XrayRequest
    from nas.spec.definition import InputSpec
    from nas.spec.training import TrainingSpec

GOES_ON = {"resume", "device", "threads", "imports"}
"""Parameters that what goes on may be given."""


@dataclass(frozen=True)
class XrayFlags:
    """What the command line says of both baselines."""

    data: Path | None
    groups: Path | None
    strict: bool
    fold: int | None
    folds: str | None
    size: "InputSpec | None"
    inputs_of: Path | None
    pretrained: bool
    weights: str | None
    training: TrainingFlags

    @property
    def first_weights(self) -> str | None:
        """What the network begins with; None is random."""
        return first_weights(self.weights, pretrained=self.pretrained)

    def request(self, own: "TrainingSpec", machine: Machine) -> "XrayRequest":
        """What is asked for; `own` are the baseline's training settings. Raises NasError."""
        from baselines.covid.settings import XrayRequest
        from nas.train.device import default_threads

        return XrayRequest(
            training=self.training.over(own),
            threads=machine.threads or default_threads(),
            training_file=self.training.training,
            weights=self.first_weights,
            data=self.data,
            groups=self.groups,
            strict=self.strict,
            fold=self.fold,
            folds=self.folds,
            input=self.size,
            inputs_of=self.inputs_of,
        )


def xray_options(whose: str, size: str, **said: Mapping[str, Any]) -> Decorator[Any]:
    """The options of both baselines: whose weights may be had, and the input in words."""
    return grouped(
        "flags",
        XrayFlags,
        options.data("X-rays with their tables  [default: built-in]"),
        options.GROUPS,
        options.STRICT,
        options.fold(),
        options.FOLDS,
        options.input_size(size),
        options.INPUTS_OF,
        options.pretrained(whose),
        options.weights(),
        training_options(
            *("epochs", "batch_size", "learning_rate", "accumulate", "seed"),
            defaults=False,
            rounds=False,
            batch_size={"help": "Images in a batch."},
            **said,
        ),
    )


@click.command("covid-study", cls=Command)
@options.LIST
@option("--backbone", metavar="NAME", help="Classifier to train, e.g. efficientnet_b3.")
@option(
    "--steps",
    type=click.Choice(["1", "3"]),
    default="1",
    show_default=True,
    help="1: plain training. 3: a teacher that sees opacities alone, a student, fine-tuning.",
)
@option(
    "--aux-weight",
    type=FiniteRange(0, min_open=True),
    told_default="1",
    help="Weight of the student's distance to the teacher.",
)
@options.LABELS
@xray_options(
    "timm's",
    "Three channels, sides  [default: 3x384x384]",
    epochs={"help": "Training epochs; the teacher's are 2/3 of it."},
)
@options.out("New folder  [default: runs/NAME-baseline, -steps, -folds]")
@options.resume("Go on with the steps or folds of this folder.")
@options.machine("half")
@options.imports()
def study_baseline(
    list_all: bool,
    backbone: str | None,
    steps: str,
    aux_weight: float | None,
    labels: str | None,
    flags: XrayFlags,
    out: Path | None,
    resume: Path | None,
    machine: Machine,
) -> None:
    """Big classifiers of chest X-rays, from timm.

    They tell the class of a study, or whether an X-ray has an opacity.

    Train --backbone NAME on one fold, or on several with --folds. What was stopped goes on with
    --resume FOLDER, a single plain run with `nas train --resume RUN`.
    """
    if sum((list_all, resume is not None, backbone is not None)) != 1:
        raise NasError("give --backbone NAME, --resume OUT or --list, one of them")
    if list_all:
        refuse_others({"list_all", "imports"}, "--list", "all backbones are shown")
        from baselines.covid.classifiers import study_listing

        click.echo("\n".join(study_listing()))
        return
    from baselines.covid.classifiers import study_training
    from baselines.covid.study_plan import resume_study, study_settings, train_study
    from nas.runs.folder import refuse_taken
    from nas.train.device import choose_device

    if resume is not None:
        refuse_others(GOES_ON, "--resume", "it keeps its settings")
        device = choose_device(machine.where)
        resume_study(resume, device, threads=machine.threads, say=click.echo)
        return
    device = choose_device(machine.where)
    refuse_taken(out)
    settings = study_settings(
        flags.request(study_training(has_weights=flags.first_weights is not None), machine),
        str(backbone),
        steps=3 if steps == "3" else 1,
        aux_weight=aux_weight,
        labels=labels,
    )
    train_study(settings, device, out, say=click.echo)


@click.command("covid-detection", cls=Command)
@options.LIST
@option("--model", metavar="NAME", help="Detector to train, e.g. efficientdet_d0.")
@xray_options("its library's", "Channels 1 or 3, sides  [default: 3x512x512]")
@option(
    "--backbone-from",
    type=FILE,
    metavar="RUN",
    help="Begin the backbone with this classifier; with --pretrained the rest from the library.",
)
@options.out("New folder  [default: runs/NAME-baseline or -folds]")
@options.resume("Go on with the --folds of this folder.")
@options.machine("half")
@options.imports()
def detection_baseline(
    list_all: bool,
    model: str | None,
    flags: XrayFlags,
    backbone_from: Path | None,
    out: Path | None,
    resume: Path | None,
    machine: Machine,
) -> None:
    """Big detectors of opacities in chest X-rays, from effdet or torchvision.

    Train --model NAME on one fold, or on several with --folds. A run that was stopped goes on with
    `nas train --resume RUN`, a training on several folds with --resume FOLDER.
    """
    if sum((list_all, resume is not None, model is not None)) != 1:
        raise NasError("give --model NAME, --resume OUT or --list, one of them")
    if list_all:
        refuse_others({"list_all", "imports"}, "--list", "all detectors are shown")
        from baselines.covid.detectors import detector_listing

        click.echo("\n".join(detector_listing()))
        return
    from baselines.covid.detection_plan import (
        detection_settings,
        resume_detection,
        train_detection,
    )
    from baselines.covid.detectors import detection_training
    from nas.runs.folder import refuse_taken
    from nas.train.device import choose_device

    if resume is not None:
        refuse_others(GOES_ON, "--resume", "the folds keep their settings")
        device = choose_device(machine.where)
        resume_detection(resume, device, threads=machine.threads, say=click.echo)
        return
    device = choose_device(machine.where)
    refuse_taken(out)
    has_weights = flags.first_weights is not None or backbone_from is not None
    request = flags.request(detection_training(has_weights=has_weights), machine)
    settings = detection_settings(request, str(model), backbone_from=backbone_from)
    train_detection(settings, device, out, say=click.echo)

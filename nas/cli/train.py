"""`nas train`: one network, trained in full and tested once."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli import options
from nas.cli.network import NetworkFlags, load_for_task, prepared
from nas.cli.options import Command, DataFlags, Machine, grouped, option
from nas.cli.settings import TrainingFlags, first_weights, refuse_others, training_options
from nas.cli.teacher import TeacherFlags, teacher
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec


@click.command("train", cls=Command)
@grouped(
    "network",
    NetworkFlags,
    options.ARCH,
    options.library(),
    options.input_size("Input of --model, e.g. 3x46x64; of --arch in place of the file's own."),
)
@option("--task", metavar="NAME", told_default="image", help="Task of --model, e.g. sed.")
@options.pretrained("the network's")
@options.weights()
@options.task_data()
@teacher("Finished run that teaches; none: nobody, even if --arch says one.")
@options.out("New folder  [default: runs/NAME-train]")
@options.resume("Go on with the run in this folder.")
@training_options("epochs", "batch_size", "learning_rate", "quantisation_aware", "seed")
@options.machine("half")
@options.imports()
def train(
    network: NetworkFlags,
    task: str | None,
    pretrained: bool,
    weights: str | None,
    data: DataFlags,
    taught: TeacherFlags,
    out: Path | None,
    resume: Path | None,
    training: TrainingFlags,
    machine: Machine,
) -> None:
    """Train a network, keep its best epoch by validation, and measure that on the test split once.

    Without --data: on the data that the architecture file names, else on the built-in set. The file
    of a search's network brings the search's training settings, but for epochs and seed.
    """
    from nas.train.api import resume_training, run_training
    from nas.train.begin import (
        beginning_with,
        begun_architecture,
        library_weights,
        weights_told_as,
    )
    from nas.train.plan import resolve_training
    from nas.train.source import source_of, training_of

    if resume is not None:
        kept = ("resume", "device", "threads", "imports")
        refuse_others(kept, "--resume", "a resumed run keeps its settings")
        resume_training(resume, device=machine.where, threads=machine.threads, say=click.echo)
        return
    named = first_weights(weights, pretrained=pretrained)
    architecture = beginning_with(prepared(_architecture(network, task), data), named)
    if named is not None:
        with weights_told_as("--weights"):
            library_weights(begun_architecture(architecture))
    settings = resolve_training(
        training.over(training_of(architecture)),
        architecture.task,
        built_in=source_of(architecture, data.data) is None,
        file=training.training,
    )
    run_training(
        architecture,
        data=data.data,
        training=settings,
        fold=data.fold,
        groups=data.groups,
        strict=data.strict,
        teacher=taught.given(architecture.input, architecture.task),
        unlabelled=taught.unlabelled,
        out=out,
        device=machine.where,
        threads=machine.threads,
        say=click.echo,
    )


def _architecture(network: NetworkFlags, task: str | None) -> "ArchitectureSpec":
    network.check()
    if network.arch is not None:
        if task is not None:
            raise NasError("an architecture file says its task: leave it out", key="--task")
        from nas.train.source import teacher_from

        return teacher_from(load_for_task(network.arch, network.size), network.arch)
    if network.size is None:
        raise NasError("--model needs --input CxHxW, e.g. 3x46x64 (see `nas data stats DIR`)")
    from nas.tasks.registry import library_architecture

    return library_architecture(str(network.model), network.size, task or "image")

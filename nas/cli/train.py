"""`nas train`: one network, trained in full and tested once."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli.architecture_file import load_for_task
from nas.cli.input_shape import parse_input_shape
from nas.cli.overrides import refuse_others
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec


@click.command("train")
@click.option("--arch", type=click.Path(path_type=Path), help="Architecture file, as best.yaml.")
@click.option(
    "--model", help="torchvision:NAME, timm:NAME or my.module:factory, instead of --arch."
)
@click.option("--input", "input_size", metavar="CxHxW", help="Input of --model, e.g. 3x46x64.")
@click.option(
    "--task", help="Task of --model: image, sed, covid-study, covid-detection  [default: image]"
)
@click.option("--pretrained", is_flag=True, help="Start --model from its library's weights.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder or table of the task's data.")
@click.option(
    "--groups", type=click.Path(path_type=Path), help="CSV path,group: no group crosses splits."
)
@click.option(
    "--strict", is_flag=True, help="Stop at unreadable files instead of leaving them out."
)
@click.option("--no-turn", is_flag=True, help="Leave pictures that are higher than wide so.")
@click.option("--labels", help="What is learned of X-rays: study, opacity  [default: study]")
@click.option(
    "--fold",
    type=click.IntRange(0),
    help="X-rays without given splits: the one of 5 folds that is the test split  [default: 0]",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="New folder  [default: runs/NAME-train]"
)
@click.option(
    "--resume", type=click.Path(path_type=Path), help="Go on with the run in this folder."
)
@click.option("--training", type=click.Path(path_type=Path), help="YAML file of training settings.")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over the training split.")
@click.option("--batch-size", type=click.IntRange(2, 65_536), help="Samples a step.")
@click.option(
    "--learning-rate", type=click.FloatRange(0, min_open=True), help="Peak rate of AdamW."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), help="Of weights, sampling, augmentation."
)
@click.option(
    "--rounds",
    "--cycles",  # until version 0.3
    "rounds",
    type=click.IntRange(1, 100),
    help="Pseudo-labelling: trainings, between which the network adds labels it is sure of.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Pseudo-labelling: probability from which a label is added.  [default: 0.9]",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--threads", type=click.IntRange(1), help="Cores that PyTorch uses  [default: half]")
def train(resume: Path | None, device: str, threads: int | None, **options: Any) -> None:
    """Train a network, keep its best epoch by validation, and measure that on the test split once.

    Without --data: on the data that the architecture file names, else on the built-in set.
    """
    from nas.train.run import resume_training

    if resume is None:
        _begin(device=device, threads=threads, **options)
        return
    kept = ("resume", "device", "threads")
    refuse_others(kept, "--resume", "a resumed run keeps its settings")
    resume_training(resume, device=device, threads=threads, say=click.echo)


def _begin(
    arch: Path | None,
    model: str | None,
    input_size: str | None,
    task: str | None,
    pretrained: bool,
    data: Path | None,
    groups: Path | None,
    strict: bool,
    no_turn: bool,
    labels: str | None,
    fold: int | None,
    out: Path | None,
    training: Path | None,
    device: str,
    threads: int | None,
    **flags: Any,
) -> None:
    """A new run in a new folder."""
    from nas.cli.data_flags import preprocess_keys, with_data_flags
    from nas.cli.training_flags import training_from_flags
    from nas.spec.training import load_training
    from nas.tasks.registry import task_named
    from nas.train.run import run_training
    from nas.train.source import source_of, training_of

    if pretrained and model is None:
        raise NasError(
            "only another library's network has weights to start from: give --model",
            key="--pretrained",
        )
    architecture = _architecture(arch, model, input_size, task)
    keys = preprocess_keys(task_named(architecture.task), no_turn=no_turn, labels=labels)
    architecture = with_data_flags(architecture, keys)
    run_training(
        architecture,
        data=data,
        training=training_from_flags(
            training_of(architecture) if training is None else load_training(training),
            training,
            flags,
            architecture.task,
            built_in=source_of(architecture, data) is None,
        ),
        fold=fold,
        groups=groups,
        strict=strict,
        pretrained=pretrained,
        out=out,
        device=device,
        threads=threads,
        say=click.echo,
    )


def _architecture(
    arch: Path | None, model: str | None, input_size: str | None, task: str | None
) -> "ArchitectureSpec":
    from nas.spec.definition import ArchitectureSpec, InputSpec
    from nas.tasks.registry import task_named

    if (arch is None) == (model is None):
        raise NasError("give --arch FILE or --model NAME, one of them")
    if arch is not None:
        if task is not None:
            raise NasError("an architecture file says its task: leave it out", key="--task")
        return load_for_task(arch, input_size)
    if input_size is None:
        raise NasError("--model needs --input CxHxW, e.g. 3x46x64 (see `nas data stats DIR`)")
    name = str(model).rpartition(":")[2]
    channels, height, width = parse_input_shape(input_size)
    size = InputSpec(channels=channels, height=height, width=width)
    chosen = task_named(task or "image")
    architecture = ArchitectureSpec(
        name=name, input=size, model=model, task=chosen.name, head=chosen.model_head
    )
    chosen.check_architecture(architecture)
    return architecture

"""`nas train`: one network, trained in full and tested once."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli.architecture_file import load_for_task
from nas.cli.input_shape import parse_input_shape
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec
    from nas.train.plan import RunPlan


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
    from baselines.covid.detection_plan import begin_of
    from nas.runs.folder import locked_run
    from nas.train.device import choose_device, default_threads, set_threads
    from nas.train.run import carry_out

    chosen_device = choose_device(device)
    plan = _new_plan(**options) if resume is None else _resumed_plan(resume)
    plan = replace(plan, threads=threads or plan.threads or default_threads())
    set_threads(plan.threads)
    with locked_run(plan.folder):
        carry_out(plan, chosen_device, begin=begin_of(plan))


def _new_plan(
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
    **flags: Any,
) -> "RunPlan":
    from nas.cli.data_flags import checked_fold, preprocess_keys, with_data_flags
    from nas.cli.training_flags import training_from_flags
    from nas.runs.folder import new_run_folder
    from nas.spec.training import load_training
    from nas.tasks.registry import task_named
    from nas.train.plan import RunPlan
    from nas.train.source import groups_of, source_of, training_of

    if pretrained and model is None:
        raise NasError(
            "only another library's network has weights to start from: give --model",
            key="--pretrained",
        )
    architecture = _architecture(arch, model, input_size, task)
    chosen = task_named(architecture.task)
    keys = preprocess_keys(chosen, no_turn=no_turn, labels=labels)
    architecture = with_data_flags(architecture, keys, checked_fold(chosen, fold))
    source = source_of(architecture, data)
    return RunPlan(
        architecture=architecture,
        training=training_from_flags(
            training_of(architecture) if training is None else load_training(training),
            training,
            flags,
            architecture.task,
            built_in=source is None,
        ),
        source=source,
        groups=groups_of(architecture, source, groups),
        strict=strict,
        pretrained=pretrained,
        folder=new_run_folder(out, f"{architecture.name}-train"),  # last: mistakes leave none
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


def _resumed_plan(folder: Path) -> "RunPlan":
    from nas.cli.overrides import given_flags
    from nas.train.plan import RunPlan

    kept = ("resume", "device", "threads")
    if given := given_flags(click.get_current_context(), kept=kept):
        raise NasError(
            f"a resumed run keeps its settings: leave out {', '.join(given)}", key="--resume"
        )
    plan = RunPlan.from_folder(folder)
    if plan.step is not None:
        raise NasError(
            f"is a step ({plan.step}) of a baseline, trained in a way of its own: go on with "
            f"`nas baseline {plan.architecture.task} --resume` and the folder of the whole",
            file=folder,
            key="--resume",
        )
    return plan

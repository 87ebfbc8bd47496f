"""`nas baseline`: the big pipelines, trained as `nas train` trains."""

import json
from pathlib import Path
from typing import Any

import click

from nas.cli.baseline_detection import detection_baseline
from nas.cli.baseline_plan import baseline_plan
from nas.cli.baseline_study import study_baseline
from nas.errors import NasError

FILE = click.Path(path_type=Path)
SHARE = click.FloatRange(0, 1, min_open=True)


@click.group("baseline")
def baseline() -> None:
    """Train the big pipelines that compact networks are held against."""


@baseline.command("sed")
@click.option("--list", "list_all", is_flag=True, help="Show all backbones and published figures.")
@click.option("--backbone", help="Which one, e.g. resnet18.")
@click.option(
    "--ensemble",
    type=FILE,
    multiple=True,
    metavar="RUN",
    help="Measure the mean of trained runs; twice or more.",
)
@click.option("--data", type=FILE, help="Recordings with their tables  [default: built-in]")
@click.option("--groups", type=FILE, help="CSV path,group: no group crosses splits.")
@click.option("--strict", is_flag=True, help="Stop at unreadable files; else they are left out.")
@click.option("--out", type=FILE, help="New folder  [default: runs/NAME-baseline]")
@click.option("--pretrained", is_flag=True, help="Start from timm's published weights.")
@click.option("--cbam", is_flag=True, help="Channel and spatial attention before the head.")
@click.option("--best-practice", is_flag=True, help="All that the starred models share, at once.")
@click.option(
    "--mixup",
    type=click.Choice(["none", "input", "last_layer"]),
    is_flag=False,
    flag_value="last_layer",
    help="Mix pairs; without a value their last-layer features.",
)
@click.option("--focal/--no-focal", default=None, help="The focal form of the loss.")
@click.option("--positive-decay", type=SHARE, help="Weight of each further positive in a batch.")
@click.option(
    "--rounds",
    "--cycles",
    "rounds",
    type=click.IntRange(1, 100),
    help="Trainings with labels added between.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Probability from which a label is added.",
)
@click.option("--accumulate", type=click.IntRange(1, 1_024), help="Batches a step.")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Training epochs of each round.")
@click.option("--batch-size", type=click.IntRange(2, 65_536), help="Windows a batch.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="Peak of AdamW.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of weights, sampling, changes.")
@click.option("--training", type=FILE, help="YAML file of training settings.")
@click.option("--input", metavar="CxHxW", help="Bands, frames  [default: 1x128x512]")
@click.option("--overlap", type=click.IntRange(0, 65_536), help="Frames shared  [default: 49]")
@click.option("--inputs-of", type=FILE, help="Architecture file: its input, mel and split.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--threads", type=click.IntRange(1), help="Cores that PyTorch uses  [default: half]")
def sed_baseline(list_all: bool, ensemble: tuple[Path, ...], **flags: Any) -> None:
    """Sound event detection with a big backbone of timm and the attention head.

    Train --backbone NAME, or measure the mean of trained runs with --ensemble RUN --ensemble RUN.
    A run that was stopped goes on with `nas train --resume RUN`.
    """
    if sum((list_all, bool(ensemble), flags["backbone"] is not None)) != 1:
        raise NasError("give --backbone NAME, --ensemble RUN twice or more, or --list, one of them")
    if list_all:
        from baselines.sed.backbones import listing

        click.echo("\n".join(listing()))
    elif ensemble:
        _measure(ensemble, **flags)
    else:
        _train(flags)


def _train(flags: dict[str, Any]) -> None:
    from nas.runs.folder import locked_run
    from nas.train.device import choose_device, default_threads
    from nas.train.run import carry_out

    device = choose_device(flags["device"])
    plan = baseline_plan(flags).on_threads(flags["threads"] or default_threads())
    with locked_run(plan.folder):
        carry_out(plan, device, say=click.echo)


def _measure(
    runs: tuple[Path, ...],
    data: Path | None,
    groups: Path | None,
    out: Path | None,
    device: str,
    threads: int | None,
    strict: bool,
    **_: Any,
) -> None:
    """The mean of the runs on the test split, written to a folder and shown."""
    from baselines.sed.ensemble import ensemble_values, load_members, measure_ensemble
    from nas.cli.overrides import given_flags
    from nas.files import atomic_write_text
    from nas.report.evaluation import evaluation_lines
    from nas.runs.folder import new_run_folder, refuse_taken
    from nas.tasks.registry import task_named
    from nas.train.device import choose_device, set_threads
    from nas.train.plan import METRICS_FILE
    from nas.train.trained import save_ensemble

    kept = ("ensemble", "data", "groups", "out", "device", "threads", "strict")
    if given := given_flags(click.get_current_context(), kept=kept):
        raise NasError(f"the runs are trained: leave out {', '.join(given)}", key="--ensemble")
    set_threads(threads)
    refuse_taken(out)
    mean = load_members(runs, choose_device(device))
    result = measure_ensemble(mean, data, groups=groups, strict=strict)
    folder = new_run_folder(out, "sed-ensemble")
    save_ensemble(folder, result.trained)
    values = ensemble_values(result)
    atomic_write_text(folder / METRICS_FILE, json.dumps(values, indent=2) + "\n")
    primary_metric = task_named("sed").primary_metric
    click.echo("\n".join(evaluation_lines("test", primary_metric, result.test)))
    click.echo(f"mean of {len(runs)} runs; written to {folder}")


baseline.add_command(detection_baseline)
baseline.add_command(study_baseline)

"""`nas evaluate`: a trained network's metrics on a split."""

import json
from pathlib import Path

import click

from nas.data.split_names import SPLITS, Split
from nas.errors import NasError


@click.command("evaluate")
@click.argument("run", metavar="RUN_DIR", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path), help="Other data  [default: the run's own]"
)
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    default="test",
    show_default=True,
    help="Which part of the data.",
)
@click.option(
    "--groups", type=click.Path(path_type=Path), help="CSV path,group: no group crosses splits."
)
@click.option(
    "--strict", is_flag=True, help="Stop at unreadable files instead of leaving them out."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--threads", type=click.IntRange(1), help="Cores that PyTorch uses  [default: all]")
def evaluate(
    run: Path,
    data: Path | None,
    split: Split,
    groups: Path | None,
    strict: bool,
    as_json: bool,
    device: str,
    threads: int | None,
) -> None:
    """Measure the network of RUN_DIR, which `nas train` wrote, with its stored preprocessing."""
    from nas.cli.training_run import OTHER_SPLITS
    from nas.report.evaluation import evaluation_lines
    from nas.tasks.registry import task_named
    from nas.train.device import choose_device, set_threads
    from nas.train.loop import evaluate as measure
    from nas.train.source import groups_of, made_otherwise, source_of, split_seed_of
    from nas.train.trained import load_trained

    set_threads(threads)
    trained = load_trained(run, choose_device(device))
    architecture = trained.architecture
    task = task_named(architecture.task)
    source = source_of(architecture, data)
    loaded = task.load_data(
        source,
        architecture.input,
        architecture.preprocess,
        splits=(split,),
        seed=split_seed_of(architecture),
        strict=strict,
        groups=groups_of(architecture, source, groups),
    )
    if loaded.classes != architecture.classes:
        raise NasError(
            f"has the classes {', '.join(loaded.classes)}, but the network was trained for "
            f"{', '.join(architecture.classes)}",
            file=loaded.source,
        )
    metrics = measure(trained.network, loaded, task, split, device=trained.device)
    if split in loaded.made_splits:
        click.echo(f"{split}: made from the pictures of {loaded.source}, stratified", err=True)
    if made_otherwise(architecture, source, loaded.made_digest):
        click.echo(f"WARNING: {OTHER_SPLITS}", err=True)
    for file in loaded.unreadable:
        click.echo(f"left out: {file}", err=True)
    if as_json:
        values = {"split": split, "data": loaded.source, **metrics.with_intervals()}
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(evaluation_lines(split, task.first_metric, metrics)))

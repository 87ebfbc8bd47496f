"""`nas covid`: cross-validation, and the competition's submission file."""

from pathlib import Path

import click

from nas.cli.covid_submission import check, submit
from nas.errors import NasError

FILE = click.Path(path_type=Path)


@click.group("covid")
def covid() -> None:
    """Chest X-rays of Kaggle's SIIM-FISABIO-RSNA COVID-19 detection. Never for diagnosis."""


covid.add_command(submit)
covid.add_command(check)


@covid.command("pool")
@click.argument("runs", type=FILE, nargs=-1, metavar="RUN...")
@click.option("--out", type=FILE, help="File to write the metrics to, as JSON.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--threads", type=click.IntRange(1), help="Cores that PyTorch uses  [default: all]")
def pool(runs: tuple[Path, ...], out: Path | None, device: str, threads: int | None) -> None:
    """Measure the runs of several folds as one: each image by the network that has not seen it.

    The runs are those of `nas train --fold 0`, `--fold 1` and so on, with one way of training.
    """
    from nas.train.device import choose_device, set_threads
    from nas.train.pooled import pool_and_say

    if out is not None and out.exists():
        raise NasError("is there already", file=out, key="--out")
    set_threads(threads)
    pool_and_say(runs, choose_device(device), out, say=click.echo)

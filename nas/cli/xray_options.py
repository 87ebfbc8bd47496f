"""The options that both baselines of chest X-rays have, in groups that stand together in --help."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

FILE = click.Path(path_type=Path)
Function = TypeVar("Function", bound=Callable[..., Any])


def data_options(function: Function) -> Function:
    """Which X-rays, and how they are split."""
    return _with(
        function,
        click.option("--data", type=FILE, help="X-rays with their tables  [default: built-in]"),
        click.option("--groups", type=FILE, help="CSV path,group: no group crosses splits."),
        click.option(
            "--strict", is_flag=True, help="Stop at unreadable files; else they are left out."
        ),
        click.option(
            "--fold",
            type=click.IntRange(0),
            help="Without given splits: the one of 5 folds that is the test split  [default: 0]",
        ),
        click.option(
            "--folds",
            metavar="K,L,...",
            help="Train on each of these folds, e.g. 0,1,2,3,4; pool them.",
        ),
    )


def training_options(*, epochs: str) -> Callable[[Function], Function]:
    """How it is trained; `epochs` says what is passed over."""

    def decorate(function: Function) -> Function:
        return _with(
            function,
            click.option("--training", type=FILE, help="YAML file of training settings."),
            click.option("--epochs", type=click.IntRange(1, 100_000), help=epochs),
            click.option("--batch-size", type=click.IntRange(2, 65_536), help="Images a batch."),
            click.option(
                "--learning-rate", type=click.FloatRange(0, min_open=True), help="Peak of AdamW."
            ),
            click.option("--accumulate", type=click.IntRange(1, 1_024), help="Batches a step."),
            click.option(
                "--seed", type=click.IntRange(0, 2**31 - 1), help="Of weights, sampling, changes."
            ),
        )

    return decorate


def machine_options(function: Function) -> Function:
    """What it is trained on."""
    return _with(
        function,
        click.option(
            "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ..."
        ),
        click.option(
            "--threads", type=click.IntRange(1), help="Cores that PyTorch uses  [default: half]"
        ),
    )


def _with(function: Function, *options: Callable[[Function], Function]) -> Function:
    """The function with options that --help shows in this order."""
    for option in reversed(options):
        function = option(function)
    return function

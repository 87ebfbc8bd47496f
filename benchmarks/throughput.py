"""Training the usual way and ours side by side: timed in turns, told in items a second."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

import click
import torch

from benchmarks.epoch_trainer import epoch_trainer
from benchmarks.timing import Timing, drain, interleaved, quotients, spread
from nas.machine import environment
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.spec.architecture import ArchitectureSpec
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch, Task

USUAL, OURS = "usual training", "our training"


@dataclass(frozen=True)
class Ways:
    """Where the batches of an epoch come from, and what ours has to do once before all."""

    usual_batches: Iterable[Batch]
    our_batches: Callable[[], Iterable[Batch]]
    once: str
    """What is done once, in words."""
    make_once: Callable[[], None]


def time_ways(
    ways: Ways,
    architecture: ArchitectureSpec,
    training: TrainingSpec,
    task: Task[Any],
    repeats: int,
) -> dict[str, Timing]:
    """Times of an epoch each way, of the data alone, and of what is done once."""
    train_usual, train_ours = (epoch_trainer(architecture, training, task) for _ in range(2))
    runs = {
        USUAL: lambda: train_usual(ways.usual_batches),
        OURS: lambda: train_ours(ways.our_batches()),
        f"our {ways.once}, once": ways.make_once,
        "usual data alone": lambda: drain(ways.usual_batches),
        "our data alone": lambda: drain(ways.our_batches()),
    }
    return interleaved(runs, repeats)


def echo_setting(
    architecture: ArchitectureSpec, what: str, batch_size: int, workers: int, repeats: int
) -> None:
    """What was timed, on what; `what` is the number and the kind of items."""
    size, facts = architecture.input.shape, environment()
    macs = count_macs(build_network(architecture), size).total
    machine = f"{facts['processor']}, {facts['cores']} cores, torch {facts['torch']}"
    click.echo(
        f"{architecture.name}, {macs:,} MACs, input {'x'.join(map(str, size))}, batch "
        f"{batch_size}, {what}, {repeats} times each, interleaved; threads: "
        f"{torch.get_num_threads()}, workers: {workers}; {machine}"
    )


def echo_timings(
    timings: dict[str, Timing], ways: Ways, items: int, noun: str, epochs: int
) -> None:
    """Items a second, then how many times as fast ours is: an epoch, and runs of 1 and `epochs`."""
    head = f"{noun} a second"
    click.echo(f"{head:30}{'wall clock (lowest to highest)':>36}{'processor second':>20}")
    for name, timing in timings.items():
        click.echo(timing.row(name, items))
    usual, ours, once = timings[USUAL], timings[OURS], timings[f"our {ways.once}, once"]
    for name, slow, fast, made in (
        ("wall clock", usual.wall, ours.wall, once.wall),
        ("processor time", usual.processor, ours.processor, once.processor),
    ):
        click.echo(f"ratio of {name}, an epoch: {spread(quotients(slow, fast))}")
        for count in (1, epochs):
            ratio = count * median(slow) / (median(made) + count * median(fast))
            click.echo(f"ratio of {name}, {ways.once} and epochs, {count}: {ratio:.2f}")

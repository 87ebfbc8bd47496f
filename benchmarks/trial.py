"""Images a second of our training against the usual way: same network, input, batch, augmentation.

    python -m benchmarks.trial --data DIR

Epochs of both are interleaved, so that a busy machine slows both; wall-clock and processor time are
given. Decoding, which our training does once, is timed on an empty cache and told apart.
"""

import os
import tempfile
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from statistics import median
from time import perf_counter

import click
import torch
from torch import nn

from benchmarks.program import Program
from benchmarks.timing import Timing, drain, interleaved, quotients, spread
from benchmarks.usual_training import UsualTraining
from nas.data.dataset import DataRequest
from nas.data.image.dataset import ImageData
from nas.machine import environment
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.spec.architecture import ArchitectureSpec, InputSpec, load_architecture
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch
from nas.tasks.image.task import ImageTask
from nas.train.device import seeded, set_threads
from nas.train.loop import train_epoch
from nas.train.optimizer import build_optimizer

CPU = torch.device("cpu")
LEAST_RATIO = 3.0


@click.command(cls=Program)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Folder train/CLASS/*.",
)
@click.option(
    "--arch", type=click.Path(path_type=Path), help="Architecture file  [default: --model]"
)
@click.option(
    "--model", default="torchvision:shufflenet_v2_x0_5", show_default=True, help="Network."
)
@click.option("--input", "input_size", default="3x46x64", show_default=True, help="CxHxW.")
@click.option("--batch-size", default=128, show_default=True, help="Images a step.")
@click.option(
    "--workers", default=2, show_default=True, help="DataLoader workers of the usual way."
)
@click.option("--threads", type=int, help="Cores that PyTorch uses, for both  [default: all]")
@click.option("--repeats", default=5, show_default=True, help="Epochs timed of each.")
@click.option("--check", is_flag=True, help=f"Fail if the ratio is below {LEAST_RATIO:g}.")
def main(
    data: Path,
    arch: Path | None,
    model: str,
    input_size: str,
    batch_size: int,
    workers: int,
    threads: int | None,
    repeats: int,
    check: bool,
) -> None:
    """Time both ways, interleaved, and print images a second and their ratio."""
    set_threads(threads)
    channels, height, width = InputSpec.parsed(input_size).shape
    size = InputSpec(channels=channels, height=height, width=width)
    architecture = (
        ArchitectureSpec(name=model, input=size, model=model)
        if arch is None
        else load_architecture(arch, input_size=(height, width))
    )
    training = TrainingSpec(batch_size=batch_size)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["NAS_CACHE"] = cache
        start = perf_counter()
        loaded = ImageTask().load_data(DataRequest(data, size, None, splits=("train",)))
        decoding_s = perf_counter() - start
        usual = UsualTraining(data / "train", size, loaded.preprocess, training, workers)
        timings = _time_both(
            architecture.with_classes(loaded.classes), loaded, training, usual, repeats
        )
    images = usual.images
    macs = count_macs(build_network(architecture.with_classes(loaded.classes)), size.shape).total
    facts = environment()
    click.echo(
        f"{architecture.name}, {macs:,} MACs, input {input_size}, batch {batch_size}, "
        f"{images} images, {repeats} epochs each, interleaved; threads: {torch.get_num_threads()}, "
        f"workers: {workers}; {facts['processor']}, {facts['cores']} cores, torch {facts['torch']}"
    )
    click.echo(
        f"{'images a second':30}{'wall clock (lowest to highest)':>36}{'processor second':>20}"
    )
    for name, timing in timings.items():
        click.echo(timing.row(name, images))
    click.echo(f"our decoding, once: {decoding_s:.2f} s for all, kept for every later run")
    usual_times, our_times = timings["usual training"], timings["our training"]
    ratios = quotients(usual_times.wall, our_times.wall)
    work = quotients(usual_times.processor, our_times.processor)
    click.echo(f"ratio of wall clock: {spread(ratios)}")
    click.echo(f"ratio of processor time: {spread(work)}")
    if check and median(ratios) < LEAST_RATIO:
        raise SystemExit(1)


def _time_both(
    architecture: ArchitectureSpec,
    data: ImageData,
    training: TrainingSpec,
    usual: UsualTraining,
    repeats: int,
) -> dict[str, Timing]:
    task = ImageTask()
    loss = task.build_loss(training)
    ours = _network(architecture).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(ours, training)
    usual.prepare(_network(architecture), repeats + 1)  # one warms up
    generator = torch.Generator().manual_seed(0)

    def our_batches() -> Iterator[Batch]:
        return task.train_batches(data, training, generator, CPU)

    def train_ours() -> None:
        train_epoch(
            ours, our_batches(), loss, optimizer, repeat(1e-3), clip_norm=training.clip_norm
        )

    runs = {
        "usual training": lambda: usual.train_epoch(loss),
        "our training": train_ours,
        "usual data alone": lambda: drain(usual.batches()),
        "our data alone": lambda: drain(our_batches()),
    }
    return interleaved(runs, repeats)


def _network(architecture: ArchitectureSpec) -> nn.Module:
    with seeded(0, CPU):
        return build_network(architecture)


if __name__ == "__main__":
    main()

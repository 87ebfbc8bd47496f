"""Images a second of our training of a detector against the usual way: same network, same loss.

    python -m benchmarks.xray_throughput --data DIR --arch FILE

Ours decodes every file once, here on an empty cache each time, and changes whole batches; the
usual way decodes and changes image by image in DataLoader workers. Epochs of both are interleaved,
so that a busy machine slows both.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import click
import torch

from benchmarks.epoch_trainer import CPU, epoch_trainer
from benchmarks.program import Program
from benchmarks.timing import Timing, drain, interleaved, quotients, spread
from benchmarks.usual_xrays import usual_loader
from nas.data.xray_listing import list_xrays
from nas.data.xrays import load_xray_data
from nas.errors import NasError
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.runs.environment import environment
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.spec.preprocess import XrayPreprocess
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch
from nas.tasks.covid.data import XrayTaskData
from nas.tasks.covid.detection import CovidDetectionTask
from nas.train.device import set_threads

USUAL, OURS, READING = "usual training", "our training", "our reading, once"


@click.command(cls=Program)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="X-rays.")
@click.option("--arch", type=click.Path(path_type=Path), required=True, help="A detector.")
@click.option("--batch-size", default=8, show_default=True, help="Images a step.")
@click.option("--workers", default=2, show_default=True, help="Of the usual way's DataLoader.")
@click.option("--threads", type=int, help="Cores that PyTorch uses, for both  [default: all]")
@click.option("--repeats", default=3, show_default=True, help="Epochs timed of each.")
@click.option("--epochs", default=50, show_default=True, help="Epochs of the run worked out.")
def main(
    data: Path,
    arch: Path,
    batch_size: int,
    workers: int,
    threads: int | None,
    repeats: int,
    epochs: int,
) -> None:
    """Time both ways, interleaved, and print images a second and their ratios."""
    set_threads(threads)
    architecture = load_architecture(arch)
    if architecture.task != "covid-detection":
        raise NasError("is no detector", file=arch, key="task")
    training = CovidDetectionTask().settled(TrainingSpec(batch_size=batch_size))
    with tempfile.TemporaryDirectory() as cache:
        loaded = _load(data, architecture, Path(cache))
    timings = _time_both(architecture, loaded, training, data, workers, repeats)
    images = len(loaded.xrays.split("train"))
    _echo_setting(architecture, images, batch_size, workers, repeats)
    for name, timing in timings.items():
        click.echo(timing.row(name, images))
    _echo_ratios(timings, epochs)


def _load(folder: Path, architecture: ArchitectureSpec, cache: Path) -> XrayTaskData:
    size, preprocess = architecture.input, XrayPreprocess(labels="boxes")
    xrays = load_xray_data(
        folder, *size.shape[1:], size.channels, preprocess, "boxes", splits=("train",),
        cache_dir=cache,
    )  # fmt: skip
    return XrayTaskData(xrays, preprocess, size).normalised()


def _time_both(
    architecture: ArchitectureSpec,
    data: XrayTaskData,
    training: TrainingSpec,
    folder: Path,
    workers: int,
    repeats: int,
) -> dict[str, Timing]:
    task = CovidDetectionTask()
    generator = torch.Generator().manual_seed(0)
    known = set(data.xrays.split("train").image_ids)
    images = tuple(item for item in list_xrays(folder, 0).images if item.id in known)
    usual_batches = usual_loader(images, data.input, training.batch_size, workers)

    def our_batches() -> Iterable[Batch]:
        return task.train_batches(data, training, generator, CPU)

    def read() -> None:
        with tempfile.TemporaryDirectory() as cache:
            _load(folder, architecture, Path(cache))

    train_usual, train_ours = (epoch_trainer(architecture, training, task) for _ in range(2))
    runs = {
        USUAL: lambda: train_usual(usual_batches),
        OURS: lambda: train_ours(our_batches()),
        READING: read,
        "usual data alone": lambda: drain(usual_batches),
        "our data alone": lambda: drain(our_batches()),
    }
    return interleaved(runs, repeats)


def _echo_setting(
    architecture: ArchitectureSpec, images: int, batch_size: int, workers: int, repeats: int
) -> None:
    size, facts = architecture.input.shape, environment()
    click.echo(
        f"{architecture.name}, {count_macs(build_network(architecture), size).total:,} MACs, input "
        f"{'x'.join(map(str, size))}, batch {batch_size}, {images} images, {repeats} times each, "
        f"interleaved; threads: {torch.get_num_threads()}, workers: {workers}; "
        f"{facts['processor']}, {facts['cores']} cores, torch {facts['torch']}"
    )
    click.echo(
        f"{'images a second':30}{'wall clock (lowest to highest)':>36}{'processor second':>20}"
    )


def _echo_ratios(timings: dict[str, Timing], epochs: int) -> None:
    usual, ours, reading = timings[USUAL], timings[OURS], timings[READING]
    for name, slow, fast, once in (
        ("wall clock", usual.wall, ours.wall, reading.wall),
        ("processor time", usual.processor, ours.processor, reading.processor),
    ):
        click.echo(f"ratio of {name}, an epoch: {spread(quotients(slow, fast))}")
        ratio = epochs * median(slow) / (median(once) + epochs * median(fast))
        click.echo(f"ratio of {name}, reading and {epochs} epochs: {ratio:.2f}")


if __name__ == "__main__":
    main()

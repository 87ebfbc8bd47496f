"""Images a second of our training of a detector against the usual way: same network, same loss.

    python -m benchmarks.xray_throughput --data DIR --arch FILE

Ours decodes every file once, here on an empty cache each time, and changes whole batches; the
usual way decodes and changes image by image in DataLoader workers. Epochs of both are interleaved,
so that a busy machine slows both.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import click
import torch

from benchmarks.epoch_trainer import CPU
from benchmarks.program import Program
from benchmarks.throughput import Ways, echo_setting, echo_timings, time_ways
from benchmarks.usual_xrays import usual_xrays
from nas.data.dataset import DataRequest
from nas.data.xray.dataset import XrayData
from nas.data.xray.listing import list_xrays
from nas.data.xray.load import load_xrays
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch
from nas.tasks.covid.detection import CovidDetectionTask
from nas.train.device import set_threads


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
    training = CovidDetectionTask().resolved(TrainingSpec(batch_size=batch_size))
    with tempfile.TemporaryDirectory() as cache:
        loaded = _load(data, architecture, Path(cache))
    task, ways = CovidDetectionTask(), _ways(architecture, loaded, training, data, workers)
    timings = time_ways(ways, architecture, training, task, repeats)
    images = len(loaded.split("train"))
    echo_setting(architecture, f"{images} images", batch_size, workers, repeats)
    echo_timings(timings, ways, images, "images", epochs)


def _load(folder: Path, architecture: ArchitectureSpec, cache: Path) -> XrayData:
    size, preprocess = architecture.input, XrayPreprocess(labels="boxes")
    data = load_xrays(DataRequest(folder, size, preprocess, splits=("train",), cache_dir=cache))
    return CovidDetectionTask().measure_normalisation(data)


def _ways(
    architecture: ArchitectureSpec,
    data: XrayData,
    training: TrainingSpec,
    folder: Path,
    workers: int,
) -> Ways:
    task, generator = CovidDetectionTask(), torch.Generator().manual_seed(0)
    known = set(data.split("train").image_ids)
    images = tuple(item for item in list_xrays(folder, 0).files if item.id in known)

    def our_batches() -> Iterable[Batch]:
        return task.train_batches(data, training, generator, CPU)

    def read() -> None:
        with tempfile.TemporaryDirectory() as cache:
            _load(folder, architecture, Path(cache))

    usual_batches = usual_xrays(images, data.input, training.batch_size, workers)
    return Ways(usual_batches, our_batches, "reading", read)


if __name__ == "__main__":
    main()

"""Recordings a second of our training on sounds against the usual way: same network, windows, loss.

    python -m benchmarks.audio_throughput --data DIR

Ours makes all spectrograms once, here on an empty cache each time, and augments; the usual way lets
librosa make each window's anew in DataLoader workers, and does not augment. Epochs of both are
interleaved, so that a busy machine slows both. What a whole run takes is worked out from medians.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import click
import torch

from benchmarks.epoch_trainer import CPU
from benchmarks.program import Program
from benchmarks.throughput import Ways, echo_setting, echo_timings, time_ways
from benchmarks.usual_audio import usual_windows
from nas.data.audio.dataset import AudioData
from nas.data.audio.load import load_recordings
from nas.data.audio.preprocess import MelPreprocess
from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec, InputSpec, load_architecture
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch
from nas.tasks.sed.task import SedTask
from nas.train.device import set_threads


@click.command(cls=Program)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Folder of recordings and tables.",
)
@click.option(
    "--arch", type=click.Path(path_type=Path), help="Architecture file  [default: --model]"
)
@click.option(
    "--model", default="torchvision:shufflenet_v2_x0_5", show_default=True, help="Network."
)
@click.option("--input", "input_size", default="1x128x512", show_default=True, help="CxHxW.")
@click.option("--batch-size", default=16, show_default=True, help="Windows a step.")
@click.option(
    "--workers", default=2, show_default=True, help="DataLoader workers of the usual way."
)
@click.option("--threads", type=int, help="Cores that PyTorch uses, for both  [default: all]")
@click.option("--repeats", default=3, show_default=True, help="Epochs timed of each.")
@click.option("--epochs", default=12, show_default=True, help="Epochs of the run worked out.")
def main(
    data: Path,
    arch: Path | None,
    model: str,
    input_size: str,
    batch_size: int,
    workers: int,
    threads: int | None,
    repeats: int,
    epochs: int,
) -> None:
    """Time both ways, interleaved, and print recordings a second and their ratios."""
    set_threads(threads)
    channels, height, width = InputSpec.parsed(input_size).shape
    size = InputSpec(channels=channels, height=height, width=width)
    architecture = (
        ArchitectureSpec(name=model, task="sed", input=size, model=model, head="attention")
        if arch is None
        else load_architecture(arch)
    )
    training = SedTask().resolved(TrainingSpec(batch_size=batch_size))
    mel = architecture.preprocess or MelPreprocess()
    if not isinstance(mel, MelPreprocess):
        raise NasError("not of sounds", file=arch, key="preprocess")
    with tempfile.TemporaryDirectory() as cache:
        loaded = _load(data, mel, architecture.input, Path(cache))
    architecture = architecture.with_classes(loaded.classes)
    task, ways = SedTask(), _ways(loaded, training, data, workers)
    timings = time_ways(ways, architecture, training, task, repeats)
    recordings = len(loaded.split("train"))
    echo_setting(architecture, f"{recordings} recordings", batch_size, workers, repeats)
    echo_timings(timings, ways, recordings, "recordings", epochs)


def _load(folder: Path, mel: MelPreprocess, size: InputSpec, cache: Path) -> AudioData:
    data = load_recordings(DataRequest(folder, size, mel, splits=("train",), cache_dir=cache))
    return SedTask().measure_normalisation(data)


def _ways(data: AudioData, training: TrainingSpec, folder: Path, workers: int) -> Ways:
    task, generator = SedTask(), torch.Generator().manual_seed(0)

    def our_batches() -> Iterable[Batch]:
        return task.train_batches(data, training, generator, CPU)

    def make() -> None:
        with tempfile.TemporaryDirectory() as cache:
            _load(folder, data.preprocess, data.input, Path(cache))

    usual_batches = usual_windows(data, folder, training.batch_size, workers)
    return Ways(usual_batches, our_batches, "spectrograms", make)


if __name__ == "__main__":
    main()

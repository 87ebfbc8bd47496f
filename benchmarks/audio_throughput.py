"""Recordings a second of our training on sounds against the usual way: same network, windows, loss.

    python -m benchmarks.audio_throughput --data DIR

Ours makes all spectrograms once, here on an empty cache each time, and augments; the usual way lets
librosa make each window's anew in DataLoader workers, and does not augment. Epochs of both are
interleaved, so that a busy machine slows both. What a whole run takes is worked out from medians.
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
from benchmarks.usual_audio import usual_loader
from nas.cli.input_shape import parse_input_shape
from nas.data.audio_folder import load_audio_data
from nas.errors import NasError
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.runs.environment import environment
from nas.spec.architecture import ArchitectureSpec, InputSpec, load_architecture
from nas.spec.preprocess import MelPreprocess
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch
from nas.tasks.sed.data import SedData
from nas.tasks.sed.task import SedTask
from nas.train.device import set_threads

USUAL = "usual training"
OURS = "our training"
MAKING = "our spectrograms, once"


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
    channels, height, width = parse_input_shape(input_size)
    size = InputSpec(channels=channels, height=height, width=width)
    architecture = (
        ArchitectureSpec(name=model, task="sed", input=size, model=model, head="attention")
        if arch is None
        else load_architecture(arch)
    )
    training = SedTask().settled(TrainingSpec(batch_size=batch_size))
    mel = architecture.preprocess or MelPreprocess()
    if not isinstance(mel, MelPreprocess):
        raise NasError("not of sounds", file=arch, key="preprocess")
    with tempfile.TemporaryDirectory() as cache:
        loaded = _load(data, mel, architecture.input, Path(cache))
    architecture = architecture.with_classes(loaded.classes)
    timings = _time_both(architecture, loaded, training, data, workers, repeats)
    recordings = len(loaded.audio.split("train"))
    _echo_setting(architecture, recordings, batch_size, workers, repeats)
    for name, timing in timings.items():
        click.echo(timing.row(name, recordings))
    _echo_ratios(timings, epochs)


def _load(folder: Path, mel: MelPreprocess, size: InputSpec, cache: Path) -> SedData:
    audio = load_audio_data(folder, mel, size.height, splits=("train",), cache_dir=cache)
    return SedTask().measure_normalisation(SedData(audio, mel, size))


def _time_both(
    architecture: ArchitectureSpec,
    data: SedData,
    training: TrainingSpec,
    folder: Path,
    workers: int,
    repeats: int,
) -> dict[str, Timing]:
    task = SedTask()
    generator = torch.Generator().manual_seed(0)
    usual_batches = usual_loader(data, folder, training.batch_size, workers)

    def our_batches() -> Iterable[Batch]:
        return task.train_batches(data, training, generator, CPU)

    def make() -> None:
        with tempfile.TemporaryDirectory() as cache:
            _load(folder, data.preprocess, data.input, Path(cache))

    train_usual, train_ours = (epoch_trainer(architecture, training, task) for _ in range(2))
    runs = {
        USUAL: lambda: train_usual(usual_batches),
        OURS: lambda: train_ours(our_batches()),
        MAKING: make,
        "usual data alone": lambda: drain(usual_batches),
        "our data alone": lambda: drain(our_batches()),
    }
    return interleaved(runs, repeats)


def _echo_setting(
    architecture: ArchitectureSpec, recordings: int, batch_size: int, workers: int, repeats: int
) -> None:
    size = architecture.input.shape
    macs = count_macs(build_network(architecture), size).total
    facts = environment()
    click.echo(
        f"{architecture.name}, {macs:,} MACs a window, input {'x'.join(map(str, size))}, batch "
        f"{batch_size}, {recordings} recordings, {repeats} times each, interleaved; threads: "
        f"{torch.get_num_threads()}, workers: {workers}; {facts['processor']}, {facts['cores']} "
        f"cores, torch {facts['torch']}"
    )
    click.echo(
        f"{'recordings a second':30}{'wall clock (lowest to highest)':>36}{'processor second':>20}"
    )


def _echo_ratios(timings: dict[str, Timing], epochs: int) -> None:
    usual, ours, making = timings[USUAL], timings[OURS], timings[MAKING]
    for name, slow, fast, once in (
        ("wall clock", usual.wall, ours.wall, making.wall),
        ("processor time", usual.processor, ours.processor, making.processor),
    ):
        click.echo(f"ratio of {name}, an epoch: {spread(quotients(slow, fast))}")
        for count in (1, epochs):
            ratio = count * median(slow) / (median(once) + count * median(fast))
            click.echo(f"ratio of {name}, spectrograms and epochs, {count}: {ratio:.2f}")


if __name__ == "__main__":
    main()

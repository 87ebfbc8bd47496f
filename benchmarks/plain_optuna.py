"""The search script that one writes by hand: Optuna as it comes, and a usual training loop.

    python -m benchmarks.plain_optuna --data DIR --minutes 30 --out DIR

TPE with its defaults (for two objectives that is MOTPE); a network over the budget is pruned before
it is trained; every other one is trained to the end, also if it was trained before. Space, input
size, epochs, loss, schedule and augmentation are those of `nas search`, so that the search and the
engine make the difference; with `--engine ours` the engine is ours too, and the search alone does.
The usual loop reads its classes from the folders and normalises by ImageNet's mean and std
unless the space says others: only `--engine ours` pays for decoding all pictures beforehand.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import optuna
import torch
from torchvision.datasets.folder import find_classes

from benchmarks.program import Program
from benchmarks.usual_training import UsualTraining, UsualValidation
from nas.data.dataset import DataRequest
from nas.data.image.dataset import ImageData
from nas.data.image.preprocess import ImagePreprocess
from nas.errors import NasError
from nas.macs.architecture import count_architecture
from nas.model.build import build_network
from nas.model.identity import architecture_hash
from nas.spec.architecture import dump_architecture
from nas.spec.budget import BudgetSpec
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.space import SpaceSpec, load_space
from nas.spec.training import TrainingSpec
from nas.tasks.image.task import ImageTask
from nas.train.device import TrainingFailed, seeded
from nas.train.loop import fit

TRIALS = "trials.jsonl"
"""File of the output folder: a line a trial."""
CPU = torch.device("cpu")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""With `IMAGENET_STD` what most scripts normalise by."""
IMAGENET_STD = (0.229, 0.224, 0.225)

Train = Callable[[ArchitectureSpec], list[float]]
"""Trains a network; validation macro-F1 after each epoch, the highest of which counts."""


@dataclass(frozen=True)
class TrialLog:
    """The file that tells of each trial when it ends."""

    path: Path
    start: float
    """Time of `time.time()` from which seconds are counted."""

    def write(
        self, trial: optuna.Trial, architecture: ArchitectureSpec, macs: int, history: list[float]
    ) -> None:
        """Add a trial; without a history it was over the budget."""
        now = time.time()
        line: dict[str, Any] = {
            "number": trial.number,
            "state": "trained" if history else "over_budget",
            "ended_at": now,
            "elapsed_s": now - self.start,
            "macs": macs,
            "macro_f1": max(history, default=None),
            "epochs": len(history),
            "architecture_hash": architecture_hash(architecture),
            "history": history,
            "architecture": dump_architecture(architecture),
        }
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


@click.command(cls=Program)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Folder train/CLASS/*, val/CLASS/*.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder.")
@click.option("--space", "space_file", default="shufflenet.yaml", show_default=True)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Begin no network after this.",
)
@click.option(
    "--epochs", type=click.IntRange(1), default=15, show_default=True, help="Of each network."
)
@click.option("--max-macs", default="10M", show_default=True, help="Networks above are pruned.")
@click.option("--seed", default=0, show_default=True, help="Of the sampler and the training.")
@click.option("--threads", default=1, show_default=True, help="Cores that PyTorch uses.")
@click.option("--workers", default=0, show_default=True, help="DataLoader workers of the loop.")
@click.option(
    "--engine",
    type=click.Choice(["usual", "ours"]),
    default="usual",
    show_default=True,
    help="Training loop.",
)
def main(
    data: Path,
    out: Path,
    space_file: str,
    minutes: float,
    epochs: int,
    max_macs: str,
    seed: int,
    threads: int,
    workers: int,
    engine: str,
) -> None:
    """Search by hand-written means and write trials.jsonl."""
    start = time.time()
    if not (data / "val").is_dir():
        raise click.ClickException(f"{data} has no folder val, which ImageFolder needs")
    if (out / TRIALS).exists():
        raise click.ClickException(f"{out / TRIALS} is there already")
    out.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    try:
        space = load_space(space_file)
        budget = BudgetSpec.model_validate({"max_macs": max_macs})
        training = space.training.model_copy(update={"epochs": epochs, "seed": seed})
        size = _input_size(space)
        if engine == "ours":
            train = _our_engine(
                ImageTask().load_data(DataRequest(data, size, space.preprocess)), training
            )
        else:
            train = _usual_engine(data, size, _usual_preprocess(space), training, workers)
    except NasError as error:
        raise click.ClickException(str(error)) from error
    log = TrialLog(out / TRIALS, start)
    space = space.with_classes(folder_classes(data))

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        architecture = space.sample(trial)
        macs = count_architecture(architecture).total
        if budget.max_macs is not None and macs > budget.max_macs:
            log.write(trial, architecture, macs, [])
            raise optuna.TrialPruned
        history = train(architecture)
        log.write(trial, architecture, macs, history)
        click.echo(f"trial {trial.number}: {macs:,} MACs, macro-F1 {max(history):.4f}")
        return macs, max(history)

    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=optuna.samplers.TPESampler(seed=seed)
    )
    left = 60 * minutes - (time.time() - start)
    study.optimize(objective, timeout=left, catch=(TrainingFailed,))


def _input_size(space: SpaceSpec) -> InputSpec:
    shapes = space.input.shapes()
    if len(shapes) != 1:
        raise NasError("the usual loop has one input size; leave choices of it to nas search")
    channels, height, width = shapes[0]
    return InputSpec(channels=channels, height=height, width=width)


def folder_classes(data: Path) -> tuple[str, ...]:
    """Names of the folders of `train`, in the order in which ImageFolder numbers them."""
    return tuple(find_classes(data / "train")[0])


def _usual_preprocess(space: SpaceSpec) -> ImagePreprocess:
    """The space's own, with ImageNet's mean and std where it says none."""
    preprocess = space.preprocess or ImagePreprocess()
    if not isinstance(preprocess, ImagePreprocess):
        raise NasError("the usual loop is one of pictures", key="preprocess")
    if preprocess.says_normalisation:
        return preprocess
    return preprocess.model_copy(update={"mean": IMAGENET_MEAN, "std": IMAGENET_STD})


def _usual_engine(
    data: Path, size: InputSpec, preprocess: ImagePreprocess, training: TrainingSpec, workers: int
) -> Train:
    usual = UsualTraining(data / "train", size, preprocess, training, workers)
    validation = UsualValidation(data / "val", size, preprocess, workers)
    loss = ImageTask().build_loss(training)

    def train(architecture: ArchitectureSpec) -> list[float]:
        network = build_network(architecture)
        usual.prepare(network, training.epochs)
        history: list[float] = []
        for _ in range(training.epochs):
            usual.train_epoch(loss)
            history.append(validation.macro_f1(network))
        return history

    return train


def _our_engine(loaded: ImageData, training: TrainingSpec) -> Train:
    def train(architecture: ArchitectureSpec) -> list[float]:
        with seeded(training.seed, CPU):
            network = build_network(architecture)
        result = fit(network, loaded, ImageTask(), training, device=CPU)
        return [epoch.validation.primary for epoch in result.history]

    return train


if __name__ == "__main__":
    main()

"""What a sound's probability is best made of: all scores of the same trained networks.

    python -m benchmarks.sound_scores --data DIR --out OUT

One random member of `sed.yaml` is trained from random weights, with labels known in part and with
complete ones (the table of false positives left out), each with several seeds and to its last
epoch, so that no score has chosen the weights. Then each score is measured, its thresholds chosen
on validation. Weights are kept in OUT; a second call trains what is missing alone. `DIR` is laid
out as the tables of RFCX, with `test_events.csv`. The test split is measured with `--test` only.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, get_args

import click
import numpy as np
import torch
from torch import nn

from benchmarks.program import Program
from benchmarks.random_members import CPU, members_near
from nas.data.audio.dataset import AudioData
from nas.data.audio.preprocess import Score
from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.model.build import build_network
from nas.search.settings import resolved_training
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.quantity import count_text, parse_quantity
from nas.spec.space import SpaceSpec, load_space
from nas.tasks.base import Metrics
from nas.tasks.sed.task import SedTask
from nas.text_table import aligned
from nas.train.device import seeded, set_threads
from nas.train.loop import evaluate, fit

SIZE: Final = InputSpec(channels=1, height=64, width=512)
MEL: Final = {"kind": "mel", "sample_rate_hz": 16_000, "fft_samples": 1_024, "hop_samples": 256}
FIGURES: Final = ("macro_f1", "lwlrap", "macro_f1_recordings", "segment_f1", "onset_f1")
COMPLETE: Final = """\
audio: {0}/train
true_positives: {0}/train_tp.csv
species: {0}/species.csv
test_audio: {0}/test
test_events: {0}/test_events.csv
"""
"""Of the same data: without false positives all that is not labelled is absent."""


@click.command(cls=Program)
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of weights.")
@click.option("--macs", default="12M", show_default=True, help="Of a window, within a tenth.")
@click.option("--epochs", default=22, show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--test", is_flag=True, help="Measure the test split too, once all is chosen.")
def main(data: Path, out: Path, macs: str, epochs: int, seeds: int, test: bool) -> None:
    """Train what is missing, and print mean and deviation of each figure by score."""
    set_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    complete = out / "complete.yaml"
    complete.write_text(COMPLETE.format(data.resolve()), encoding="utf-8")
    for labels, source in (("in part", data), ("complete", complete)):
        trainer = _Trainer(source, parse_quantity(macs), epochs)
        click.echo(f"labels {labels}; {trainer.architecture.name}, {trainer.cost} MACs a window")
        networks = [
            trainer.network(out / f"{labels.replace(' ', '-')}-{seed}.pt", seed)
            for seed in range(seeds)
        ]
        click.echo("\n".join([*trainer.table(networks, test=test), ""]))


class _Trainer:
    """One network and one data set."""

    def __init__(self, source: Path, macs: int, epochs: int) -> None:
        self.task = SedTask()
        space = load_space("sed.yaml").with_keys(input=SIZE.model_dump(), preprocess=MEL)
        splits = ("train", "validation", "test")
        self.data: AudioData = self.task.load_data(
            DataRequest(source, SIZE, space.preprocess, splits=splits)
        )
        self.architecture, self.cost = _member(space.with_classes(self.data.classes), macs)
        settings = resolved_training(space, space.training, built_in=False)
        self.training = settings.model_copy(update={"epochs": epochs})

    def network(self, file: Path, seed: int) -> nn.Module:
        """The network of that seed, from its file or trained."""
        with seeded(seed, CPU):
            network = build_network(self.architecture)
        if not file.exists():
            training = self.training.model_copy(update={"seed": seed})
            fit(network, self.data, self.task, training, device=CPU, keep_last=True)
            torch.save(network.state_dict(), file)
        network.load_state_dict(torch.load(file, weights_only=True))
        return network.eval()

    def table(self, networks: list[nn.Module], *, test: bool) -> list[str]:
        """A line for each split and score: mean and standard deviation over the networks."""
        found: dict[tuple[str, Score], list[Metrics]] = defaultdict(list)
        for score, network in ((s, n) for s in get_args(Score) for n in networks):
            data = self._with(score)
            chosen = evaluate(network, data, self.task, "validation", device=CPU)
            found["validation", score].append(chosen)
            if test:
                thresholds = self.task.thresholds_of(chosen)
                measured = evaluate(
                    network, data, self.task, "test", device=CPU, thresholds=thresholds
                )
                found["test", score].append(measured)
        rows = [
            (split, score, *_figures(metrics))
            for (split, score), metrics in sorted(
                found.items(), key=lambda item: item[0][0] == "test"
            )
        ]
        return aligned([("split", "score", *FIGURES), *rows], left=(0, 1))

    def _with(self, score: Score) -> AudioData:
        preprocess = self.data.preprocess.model_copy(update={"score": score})
        return replace(self.data, preprocess=preprocess)


def _member(space: SpaceSpec, macs: int) -> tuple[ArchitectureSpec, str]:
    """The first random member near that cost, and its own."""
    found = next(members_near(space, macs, 1), None)
    if found is None:
        raise NasError(f"{space.name} has no member near it", key="--macs")
    return found.architecture, count_text(found.cost.macs)


def _figures(metrics: list[Metrics]) -> Iterator[str]:
    for name in FIGURES:
        values = [getattr(item, name) for item in metrics]
        if None in values:
            yield "-"
        else:
            spread = f" +-{np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
            yield f"{np.mean(values):.3f}{spread}"


if __name__ == "__main__":
    main()

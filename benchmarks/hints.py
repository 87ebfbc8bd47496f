"""What is known of a network before training, and how well that ranks the trained ones.

    python -m benchmarks.hints --data DIR --pool FILE

For each hint: Spearman's rank correlation with the best validation macro-F1 of the full training of
the recorded networks (`recorded_networks.py` has the format); the same with what both share with
MACs taken out, since a search knows MACs already; and the mean over bands of MACs with equally many
networks. 95 % intervals by bootstrap over networks. Scores are of the weights with which the
recorded training began, NASWOT on one minibatch of training images.

Then how far the model of `nas search` is off for networks that it has not seen, without and with
each hint as one more feature.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

from benchmarks.hint_gain import left_out_errors
from benchmarks.program import Program
from benchmarks.rank_correlation import Values, bootstrapped, partial_spearman, spearman
from benchmarks.recorded_networks import RecordedNetwork, read_recorded
from benchmarks.untrained_scores import conv_output_elements, naswot, synflow
from nas.data.dataset import DataRequest
from nas.model.build import build_network
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import load_space
from nas.spec.training import TrainingSpec
from nas.tasks.registry import task_named
from nas.train.device import seeded, set_threads

CPU = torch.device("cpu")
HINTS = ("MACs", "parameters", "conv outputs", "synflow", "NASWOT")


@click.command(cls=Program)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--pool", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--space", default="shufflenet.yaml", show_default=True, help="Of the recording.")
@click.option("--epochs", default=15, show_default=True, help="Of the full training.")
@click.option("--seed", default=0, show_default=True, help="Of that training, and of the weights.")
@click.option("--batch-size", default=128, show_default=True, help="Images that NASWOT sees.")
@click.option("--bands", default=4, show_default=True, help="Of MACs, equally full.")
def main(
    data: Path, pool: Path, space: str, epochs: int, seed: int, batch_size: int, bands: int
) -> None:
    """Print the rank correlation of each hint with the F1 after training, and what it adds."""
    set_threads(1)
    networks = [item for item in read_recorded(pool) if (epochs, seed) in item.best]
    images = load_images(data, networks[0].architecture, batch_size)
    table, costs = measure(networks, images, seed)
    f1 = [item.best[epochs, seed] for item in networks]
    macs = table["MACs"]
    click.echo(f"{len(networks)} networks, {epochs} epochs, {pool.name}")
    click.echo(f"{'hint':14}{'Spearman':>22}{'given MACs':>22}{'within bands':>22}{'ms':>8}")
    for name in HINTS:
        cells = [
            bootstrapped(spearman, table[name], f1),
            bootstrapped(partial_spearman, table[name], f1, macs) if name != "MACs" else "",
            bootstrapped(within_bands(bands), table[name], f1, macs),
        ]
        cost = f"{1_000 * median(costs[name]):.1f}" if name in costs else ""
        click.echo(f"{name:14}" + "".join(f"{cell!s:>22}" for cell in cells) + f"{cost:>8}")
    loaded = load_space(space).with_classes(networks[0].architecture.classes)
    click.echo("\nmean absolute error of the search's model for networks left out (tenfold)")
    without = left_out_errors(networks, loaded, f1, {})
    click.echo(f"{'no hint':14}{without.mean():22.4f}")
    for name in HINTS[1:]:
        errors = left_out_errors(networks, loaded, f1, {name: table[name]})
        less = bootstrapped(_mean, (errors - without).tolist())
        click.echo(f"{name:14}{errors.mean():22.4f}   change {less:.4f}")


def load_images(data: Path, example: ArchitectureSpec, count: int) -> Tensor:
    """The first training images, drawn and normalised as training does; shape (N, C, H, W)."""
    task = task_named(example.task)
    loaded: Any = task.load_data(
        DataRequest(data, example.input, example.preprocess, splits=("train",))
    )
    training = TrainingSpec(batch_size=count)
    batches = task.train_batches(loaded, training, torch.Generator().manual_seed(0), CPU)
    return next(iter(batches))[0]


def measure(
    networks: Sequence[RecordedNetwork], images: Tensor, seed: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Each hint of each network, and the processor seconds that the computed ones took."""
    table: dict[str, list[float]] = {name: [] for name in HINTS}
    costs: dict[str, list[float]] = {name: [] for name in HINTS[2:]}
    for item in networks:
        shape = item.architecture.input.shape
        with seeded(seed, CPU):
            network = build_network(item.architecture)
        table["MACs"].append(item.macs)
        table["parameters"].append(item.parameters)
        scores: Sequence[Callable[[], float]] = (
            partial(conv_output_elements, network, shape),
            partial(synflow, network, shape),
            partial(naswot, network, images),
        )
        for name, score in zip(HINTS[2:], scores, strict=True):
            start = process_time()
            table[name].append(score())
            costs[name].append(process_time() - start)
    return table, costs


def within_bands(bands: int) -> Callable[[Values, Values, Values], float]:
    """Spearman's rho of x and y, its mean over bands of the third column with equally many rows."""

    def statistic(x: Values, y: Values, band_of: Values) -> float:
        parts = np.array_split(np.argsort(band_of, kind="stable"), bands)
        return float(np.nanmean([spearman(x[part], y[part]) for part in parts]))

    return statistic


def _mean(values: Values) -> float:
    return float(values.mean())


if __name__ == "__main__":
    main()

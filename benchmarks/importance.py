"""Which channels to keep when a member is cut from a larger network, and of which weights.

    python -m benchmarks.importance --data DIR --run RUN --results FILE

Cuts of EfficientNet-Lite0 begin from its ImageNet weights or from those of a run that was
fine-tuned on the same data, with their most important channels by one measure or another, and are
trained alike. Validation only, by pairs with the same cut and seed. Each result is a line of the
file, and a second call goes on where the first ended.

`scale` is the product's own: the scale of the batch normalisation times the norm of the weights
that read the channel. `taylor` is the first-order estimate of Molchanov et al. 2019
(arXiv:1906.10771, equation 8, gates behind normalisations): the square of what the loss of a
training batch would change by if the channel were silenced, summed over batches; the gradients are
the run's. `random` says what choosing is worth at all.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from pathlib import Path

import click
import numpy as np
import torch
from scipy.stats import t
from torch import Tensor, nn

from benchmarks.json_lines import read_json_lines
from benchmarks.pretrained import WEIGHTS, truncated
from benchmarks.program import Program
from benchmarks.shared_network import members_between
from nas.data.dataset import AnyTaskData, DataRequest
from nas.model.cut import SourceNetwork
from nas.model.weights import load_source
from nas.search.settings import resolved_training
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.spec.definition import BeginSpec, InputSpec
from nas.spec.space import SpaceSpec, load_space
from nas.tasks.base import Batch, Loss, Task
from nas.tasks.registry import task_of
from nas.text_table import aligned
from nas.train.begin import begin_from, begun_space
from nas.train.device import set_threads
from nas.train.loop import fit
from nas.train.weights import WEIGHTS_FILE, build_seeded, load_weights

CPU = torch.device("cpu")
TAYLOR_BATCHES = 8
FIRST = ("ImageNet", "scale")
"""What the others are compared with."""
ARMS = (FIRST, ("ImageNet", "taylor"), ("ImageNet", "random"), ("run", "scale"), ("run", "taylor"))


@dataclass(frozen=True)
class Trained:
    """A cut, how it began, and the best validation macro-F1 of its training."""

    cut: str
    weights: str
    measure: str
    seed: int
    macro_f1: float


@click.command(cls=Program)
@click.option("--data", type=Path, required=True, help="Folder of classes.")
@click.option("--run", type=Path, required=True, help="Finished run of efficientnet_lite0.")
@click.option("--results", type=Path, required=True, help="File that keeps the results.")
@click.option("--members", default=2, show_default=True, help="Random members beside two cuts.")
@click.option("--epochs", default=12, show_default=True)
@click.option("--seeds", default=2, show_default=True)
def main(data: Path, run: Path, results: Path, members: int, epochs: int, seeds: int) -> None:
    """Train what is missing, and print the differences."""
    set_threads(1)
    lab = _Lab(begun_space(load_space("from-lite0.yaml")), data, run, epochs)
    done = {(item.cut, item.weights, item.measure, item.seed): item for item in read(results)}
    for seed in range(seeds):
        for cut in lab.cuts(members):
            for weights, measure in ARMS:
                if (cut.name, weights, measure, seed) in done:
                    continue
                item = lab.train(cut, weights, measure, seed)
                done[cut.name, weights, measure, seed] = item
                with results.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(asdict(item)) + "\n")
    click.echo("\n".join(table(list(done.values()))))


class _Lab:
    """Data, settings and sources of the comparison."""

    def __init__(self, space: SpaceSpec, source: Path, run: Path, epochs: int) -> None:
        self.task: Task[AnyTaskData] = task_of(space)
        self.source = source
        self._data: dict[InputSpec, AnyTaskData] = {}
        self.space = space
        self.size = InputSpec.parsed("3x46x64")
        self.space = space.with_classes(self.data_at(self.size).classes)
        training = resolved_training(self.space, self.space.training, built_in=False)
        self.training = training.model_copy(update={"epochs": epochs})
        self._states = {
            "ImageNet": load_source(WEIGHTS, self._member(truncated(7, self.size))),
            "run": load_source(
                BeginSpec(reference=None, weights=str(run)), self._member(truncated(7, self.size))
            ),
        }
        self.taylor = self._taylor(run)

    def _member(self, architecture: ArchitectureSpec) -> ArchitectureSpec:
        data = self.data_at(architecture.input)
        return replace(architecture.with_classes(data.classes), preprocess=data.preprocess)

    def data_at(self, size: InputSpec) -> AnyTaskData:
        if size not in self._data:
            request = DataRequest(
                self.source, size, self.space.preprocess, splits=("train", "validation")
            )
            self._data[size] = self.task.load_data(request)
        return self._data[size]

    def cuts(self, members: int) -> list[ArchitectureSpec]:
        """Two of fewer stages and half the inner widths, and random members of the space."""
        three = truncated(3, InputSpec.parsed("3x35x48"), inner=3)
        four = truncated(4, self.size, inner=3)
        found = [replace(three, name="3 stages"), replace(four, name="4 stages")]
        for number, network in enumerate(members_between(self.space, 900_000, 5_000_000, members)):
            found.append(replace(network.architecture, name=f"member {number}"))
        return [self._member(cut) for cut in found]

    def _taylor(self, run: Path) -> dict[str, Tensor]:
        """Of each normalisation's channels."""
        whole = self._member(load_architecture(run / "architecture.yaml"))
        network = build_seeded(whole, 0, CPU)
        load_weights(network, run / WEIGHTS_FILE)
        drawn = torch.Generator().manual_seed(0)
        batches = self.task.train_batches(self.data_at(whole.input), self.training, drawn, CPU)
        return taylor(network, self.task.build_loss(self.training), islice(batches, TAYLOR_BATCHES))

    def train(self, cut: ArchitectureSpec, weights: str, measure: str, seed: int) -> Trained:
        known = self._states[weights]
        importance = None if measure == "scale" else self.taylor
        if measure == "random":
            generator = torch.Generator().manual_seed(seed)
            importance = {
                name: torch.rand(values.shape, generator=generator)
                for name, values in self.taylor.items()
            }
        network = build_seeded(cut, seed, CPU)
        begin_from(SourceNetwork(known.architecture, known.state, importance), cut, network)
        training = self.training.model_copy(update={"seed": seed})
        result = fit(network, self.data_at(cut.input), self.task, training, device=CPU)
        return Trained(cut.name, weights, measure, seed, round(result.best_validation.primary, 4))


def taylor(network: nn.Module, loss: Loss, batches: Iterable[Batch]) -> dict[str, Tensor]:
    """Squares of the first-order changes of the loss, by the name of each normalisation's scale."""
    network.eval()
    found: dict[str, Tensor] = {}
    for inputs, targets in batches:
        network.zero_grad()
        loss(network(inputs), targets).backward()
        for name, module in network.named_modules():
            if isinstance(module, nn.BatchNorm2d):
                change = module.weight * _gradient(module.weight)
                change = (change + module.bias * _gradient(module.bias)).square().detach()
                found[f"{name}.weight"] = found.get(f"{name}.weight", torch.zeros(())) + change
    return found


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def read(path: Path) -> list[Trained]:
    """What a file of earlier calls has."""
    if not path.exists():
        return []
    names = [field.name for field in fields(Trained)]
    return [Trained(**row) for row in read_json_lines(path, names)]


def table(items: list[Trained]) -> list[str]:
    """A row for each way to begin: the mean of each cut, and the difference to the first way."""
    names = sorted({item.cut for item in items})
    values: dict[tuple[str, str], Mapping[tuple[str, int], float]] = {
        arm: {
            (item.cut, item.seed): item.macro_f1
            for item in items
            if (item.weights, item.measure) == arm
        }
        for arm in ARMS
    }
    rows = [("weights", "measure", *names, "to the first")]
    for arm in ARMS:
        means = [
            np.mean([value for (cut, _), value in values[arm].items() if cut == name] or [np.nan])
            for name in names
        ]
        pairs = [value - values[FIRST][key] for key, value in values[arm].items()]
        rows.append((*arm, *(f"{mean:.3f}" for mean in means), _difference(arm, pairs)))
    return list(aligned(rows, left=(0, 1)))


def _difference(arm: tuple[str, str], pairs: list[float]) -> str:
    """Mean of the pairs with the half-width of Student's 95 % interval."""
    if arm == FIRST or len(pairs) < 2:
        return ""
    half = t.ppf(0.975, len(pairs) - 1) * np.std(pairs, ddof=1) / np.sqrt(len(pairs))
    return f"{np.mean(pairs):+.3f} ({half:.3f}; {len(pairs)})"


if __name__ == "__main__":
    main()

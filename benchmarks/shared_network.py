"""How well one shared training ranks the members of a space: its values beside retrained ones.

    python -m benchmarks.shared_network --data DIR --out FOLDER

The space's largest member is trained once with others cut from it (`nas search --evaluate shared`).
Random members, as many in each part of the range of multiply-adds on a logarithmic scale, are
measured with its weights, and then each is trained by itself as a search trains it. Validation
only. All is kept in the folder, a line a member, and a second call goes on where the first ended.
"""

import json
from dataclasses import asdict, dataclass, fields, replace
from math import log
from pathlib import Path
from time import perf_counter, process_time

import click
import numpy as np
import torch

from benchmarks.json_lines import read_json_lines
from benchmarks.program import Program
from benchmarks.rank_correlation import bootstrapped, kendall, spearman
from nas.data.dataset import AnyTaskData, DataRequest
from nas.search.pricing import Priced, PricedSpace
from nas.search.settings import resolved_training
from nas.spec.budget import BudgetSpec
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.quantity import count_text, parse_quantity
from nas.spec.space import SpaceSpec, load_space
from nas.spec.trial import RandomTrial
from nas.tasks.registry import task_of
from nas.train.begin import begun_space, build_begun
from nas.train.checkpoint import EpochResult
from nas.train.device import set_threads
from nas.train.loop import fit
from nas.train.sandwich import Sandwich
from nas.train.shared_run import begin_shared, is_trained, load_shared, measure_member, train_shared

CPU = torch.device("cpu")
MAX_DRAWS = 50_000


@dataclass(frozen=True)
class SharedMeasurement:
    """One member: its metric on validation with the shared weights, and trained by itself."""

    hash: str
    macs: int
    parameters: int
    input: str
    shared: float
    shared_seconds: float
    """Of processor time: statistics and validation."""
    retrained: float | None = None
    """Of the best epoch; None where that was not done yet."""
    epochs: int | None = None
    retrained_seconds: float | None = None


@click.command(cls=Program)
@click.option("--space", default="from-lite0.yaml", show_default=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="None: built-in data.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of results.")
@click.option("--epochs", default=12, show_default=True, help="Of a member trained by itself.")
@click.option("--shared-epochs", default=24, show_default=True, help="Of the shared training.")
@click.option("--members", default=20, show_default=True)
@click.option("--low", default="0.8M", show_default=True, help="Fewest multiply-adds.")
@click.option("--high", default="6M", show_default=True, help="Most multiply-adds.")
def main(
    space: str,
    data: Path | None,
    out: Path,
    epochs: int,
    shared_epochs: int,
    members: int,
    low: str,
    high: str,
) -> None:
    """Train the shared network, measure members with it, train each of them, compare."""
    set_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    lab = _Lab(begun_space(load_space(space)), data, parse_quantity(high))
    lab.train_shared(out / "shared", shared_epochs)
    file = out / "members.jsonl"
    done = {item.hash: item for item in read_measurements(file)}
    drawn = members_between(lab.space, parse_quantity(low), parse_quantity(high), members)
    for network in drawn:
        if network.key not in done:
            done[network.key] = lab.measure(network)
            write_measurements(file, done)
    for network in _spread(drawn):
        if done[network.key].retrained is None:
            done[network.key] = lab.retrain(network, done[network.key], epochs)
            write_measurements(file, done)
            click.echo("\n".join(table(list(done.values()))[-4:]))
    click.echo("\n".join(table(list(done.values()))))


class _Lab:
    """Data, settings and weights of the comparison."""

    def __init__(self, space: SpaceSpec, source: Path | None, max_macs: int) -> None:
        self.task = task_of(space)
        self.source = source
        self._data: dict[InputSpec, AnyTaskData] = {}
        channels, height, width = space.input.shapes()[0]
        first = InputSpec(channels=channels, height=height, width=width)
        self.space = space
        self.space = space.with_classes(self.data_at(first).classes)
        self.training = resolved_training(space, space.training, built_in=source is None)
        self.budget = BudgetSpec(max_macs=max_macs)

    def data_at(self, size: InputSpec) -> AnyTaskData:
        if size not in self._data:
            request = DataRequest(self.source, size, self.space.preprocess)
            self._data[size] = self.task.load_data(request)
        return self._data[size]

    def train_shared(self, folder: Path, epochs: int) -> None:
        """Train the shared network, unless it is there."""
        training = self.training.model_copy(update={"epochs": epochs})
        if not is_trained(folder):
            weights = begin_shared(self.space, training.seed, CPU)
            sandwich = Sandwich(weights, self.space, self.data_at, budget=self.budget)
            start = perf_counter(), process_time()

            def tell(result: EpochResult) -> None:
                click.echo(
                    f"epoch {result.epoch} of {epochs}: loss {result.train_loss:.3f}, largest "
                    f"{result.validation.primary:.4f}, {result.seconds:.0f} s, since the start "
                    f"{perf_counter() - start[0]:.0f} s, {process_time() - start[1]:.0f} s of work"
                )

            train_shared(sandwich, self.task, training, folder, device=CPU, on_epoch=tell)
            seconds = process_time() - start[1]
            click.echo(f"shared training: {seconds / 60:.1f} minutes of processor time")
        self.weights = load_shared(self.space, training.seed, folder, CPU)

    def measure(self, network: Priced) -> SharedMeasurement:
        member, start = self._completed(network), process_time()
        data = self.data_at(member.input)
        _, metrics = measure_member(self.weights, member, data, self.task, self.training, CPU)
        return SharedMeasurement(
            hash=network.key,
            macs=network.cost.macs,
            parameters=network.cost.parameters,
            input="x".join(map(str, member.input.shape)),
            shared=metrics.primary,
            shared_seconds=round(process_time() - start, 2),
        )

    def retrain(self, network: Priced, known: SharedMeasurement, epochs: int) -> SharedMeasurement:
        member, start = self._completed(network), process_time()
        training = self.training.model_copy(update={"epochs": epochs})
        module = build_begun(member, training.seed, CPU)
        result = fit(module, self.data_at(member.input), self.task, training, device=CPU)
        return replace(
            known,
            retrained=result.best_validation.primary,
            epochs=epochs,
            retrained_seconds=round(process_time() - start, 1),
        )

    def _completed(self, network: Priced) -> ArchitectureSpec:
        member = network.architecture
        return replace(member, preprocess=self.data_at(member.input).preprocess)


def members_between(space: SpaceSpec, low: int, high: int, number: int) -> list[Priced]:
    """Different random members, one in each of so many equal parts of the range of log MACs."""
    priced, generator = PricedSpace(space, BudgetSpec()), np.random.default_rng(0)
    found: dict[int, Priced] = {}
    for _ in range(MAX_DRAWS):
        if len(found) == number:
            break
        network = priced.draw(RandomTrial(generator))
        part = int(number * log(network.cost.macs / low) / log(high / low) // 1)
        if 0 <= part < number:
            found.setdefault(part, network)
    return [found[part] for part in sorted(found)]


def _spread(drawn: list[Priced]) -> list[Priced]:
    """In an order whose beginning lies all over the range already."""
    order = np.random.default_rng(1).permutation(len(drawn))
    return [drawn[place] for place in order]


def table(items: list[SharedMeasurement]) -> list[str]:
    """A line a member, cheapest first, and how the ranks agree."""
    lines = [
        f"{count_text(item.macs):>8}  {item.input:>8}  shared {item.shared:.3f}"
        f" in {item.shared_seconds:.1f} s  "
        + ("" if item.retrained is None else f"retrained {item.retrained:.3f}")
        for item in sorted(items, key=lambda item: item.macs)
    ]
    both = [item for item in items if item.retrained is not None]
    if len(both) < 3:
        return lines
    shared = [item.shared for item in both]
    retrained = [item.retrained or 0.0 for item in both]
    macs = [float(item.macs) for item in both]
    minutes = sum(item.retrained_seconds or 0.0 for item in both) / 60
    measured = sum(item.shared_seconds for item in both) / 60
    return [
        *lines,
        f"{len(both)} members retrained, {minutes:.1f} minutes; with shared weights {measured:.1f}",
        "shared against retrained:        "
        f"Spearman {bootstrapped(spearman, shared, retrained):.2f}, "
        f"Kendall {bootstrapped(kendall, shared, retrained):.2f}",
        "multiply-adds against retrained: "
        f"Spearman {bootstrapped(spearman, macs, retrained):.2f}, "
        f"Kendall {bootstrapped(kendall, macs, retrained):.2f}",
    ]


def read_measurements(path: Path) -> list[SharedMeasurement]:
    """What a file of earlier calls has."""
    if not path.exists():
        return []
    names = [field.name for field in fields(SharedMeasurement)]
    return [SharedMeasurement(**row) for row in read_json_lines(path, names)]


def write_measurements(path: Path, items: dict[str, SharedMeasurement]) -> None:
    """All of them, a line each."""
    path.write_text("".join(json.dumps(asdict(item)) + "\n" for item in items.values()), "utf-8")


if __name__ == "__main__":
    main()

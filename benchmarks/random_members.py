"""Random members of several spaces at about equal MACs, trained alike: which serves an input best.

    python -m benchmarks.random_members --input 3x32x44 --data DIR --results FILE

Of each space the first random members whose multiply-adds lie within a tenth of each target are
trained with one seed and the same settings; results are kept, one line a network, and a second call
goes on where the first ended. Validation only.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from time import process_time

import click
import numpy as np
import torch

from benchmarks.json_lines import read_json_lines
from benchmarks.program import Program
from nas.data.dataset import AnyTaskData, DataRequest
from nas.model.build import build_network
from nas.search.pricing import Priced, PricedSpace
from nas.search.settings import resolved_training
from nas.spec.budget import BudgetSpec
from nas.spec.definition import InputSpec
from nas.spec.quantity import count_text, parse_quantity
from nas.spec.space import SpaceSpec, load_space
from nas.spec.trial import RandomTrial
from nas.tasks.registry import task_of
from nas.text_table import aligned
from nas.train.device import seeded, set_threads
from nas.train.loop import fit

CPU = torch.device("cpu")
WITHIN = 0.1
"""How far a member's MACs may be from the target, relative to it."""
MAX_DRAWS = 20_000


@dataclass(frozen=True)
class Measured:
    """One network; `macro_f1` is the best epoch's, on validation."""

    space: str
    target: int
    hash: str
    macs: int
    parameters: int
    last_map: str
    """Height by width behind the last layer but pooling."""
    epochs: int
    macro_f1: float
    seconds: float
    """Processor time."""


@click.command(cls=Program)
@click.option("--input", "size", required=True, help="Input of all members, e.g. 3x32x32.")
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="None: built-in digits.")
@click.option("--results", type=click.Path(path_type=Path), required=True)
@click.option("--spaces", default="small-pictures,shufflenet,mobilenetv3,mbconv", show_default=True)
@click.option("--macs", default="1M,2.5M,5M", show_default=True, help="Targets.")
@click.option("--members", default=3, show_default=True, help="Of each space and target.")
@click.option("--epochs", default=12, show_default=True)
def main(
    size: str,
    data: Path | None,
    results: Path,
    spaces: str,
    macs: str,
    members: int,
    epochs: int,
) -> None:
    """Train what is missing, and print the mean and the best of each space at each target."""
    set_threads(1)
    done = {(item.space, item.target, item.hash) for item in _read_results(results)}
    loaded = [_at(name, InputSpec.parsed(size)) for name in spaces.split(",")]
    trainer = _Trainer(loaded[0], data, InputSpec.parsed(size), epochs)
    for target in map(parse_quantity, macs.split(",")):
        for space in loaded:
            for network in members_near(space.with_classes(trainer.classes), target, members):
                if (space.name, target, network.key) in done:
                    continue
                item = trainer.measure(space, target, network)
                with results.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(asdict(item)) + "\n")
                click.echo(f"{item.space:16}{item.macs:>12,} MACs: {item.macro_f1:.3f}")
    click.echo("\n".join(["", *table(_read_results(results))]))


def _at(name: str, size: InputSpec) -> SpaceSpec:
    """The installed space of that name with one input size."""
    return load_space(f"{name}.yaml").with_keys(input=size.model_dump())


def members_near(space: SpaceSpec, target: int, number: int) -> Iterator[Priced]:
    """The first different random members near a target; fewer where the space has hardly any."""
    priced, generator = PricedSpace(space, BudgetSpec()), np.random.default_rng(0)
    found: set[str] = set()
    for _ in range(MAX_DRAWS):
        if len(found) >= number:
            return
        network = priced.draw(RandomTrial(generator))
        near = abs(network.cost.macs - target) <= WITHIN * target
        if near and network.key not in found:
            found.add(network.key)
            yield network


class _Trainer:
    """Trains on one loaded data set, with the settings that the first space resolves."""

    def __init__(self, space: SpaceSpec, data: Path | None, size: InputSpec, epochs: int) -> None:
        self.task = task_of(space)
        self.data: AnyTaskData = self.task.load_data(DataRequest(data, size, space.preprocess))
        self.classes = self.data.classes
        settings = resolved_training(space, space.training, built_in=data is None)
        self.training = settings.model_copy(update={"epochs": epochs})

    def measure(self, space: SpaceSpec, target: int, network: Priced) -> Measured:
        start = process_time()
        architecture = replace(network.architecture, preprocess=self.data.preprocess)
        with seeded(self.training.seed, CPU):
            module = build_network(architecture)
        result = fit(module, self.data, self.task, self.training, device=CPU)
        maps = [step.out_shape for step in architecture.steps() if step.out_shape[1:] != (1, 1)]
        return Measured(
            space=space.name,
            target=target,
            hash=network.key,
            macs=network.cost.macs,
            parameters=network.cost.parameters,
            last_map="x".join(map(str, maps[-1][1:])),
            epochs=self.training.epochs,
            macro_f1=result.best_validation.primary,
            seconds=round(process_time() - start, 1),
        )


def table(items: list[Measured]) -> list[str]:
    """A line for each space and target: mean, standard deviation and best of its members."""
    groups: dict[tuple[int, str], list[Measured]] = defaultdict(list)
    for item in items:
        groups[item.target, item.space].append(item)
    rows = [("MACs", "space", "networks", "mean F1", "SD", "best", "parameters")]
    for (target, space), group in sorted(groups.items(), key=lambda entry: entry[0][0]):
        f1 = [item.macro_f1 for item in group]
        sd = f"{np.std(f1, ddof=1):.3f}" if len(f1) > 1 else "-"
        parameters = round(float(np.median([item.parameters for item in group])))
        figures = (f"{np.mean(f1):.3f}", sd, f"{max(f1):.3f}", count_text(parameters))
        rows.append((count_text(target), space, str(len(group)), *figures))
    return aligned(rows, left=(1,))


def _read_results(path: Path) -> list[Measured]:
    if not path.exists():
        return []
    names = [field.name for field in fields(Measured)]
    return [Measured(**row) for row in read_json_lines(path, names)]


if __name__ == "__main__":
    main()

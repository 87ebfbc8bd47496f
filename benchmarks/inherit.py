"""Whether a short training ranks networks better when it begins with inherited weights.

    python -m benchmarks.inherit --data DIR --pool FILE --results FILE

The first of the recorded networks (`recorded_networks.py` has the format) are the donors: they are
trained in full, and their weights kept as `nas search --inherit` keeps them. Candidates are
variants of the donors that differ from some layer on, as a search near its front proposes them, and
the recorded networks that share most with a donor, as random ones do. Each gets a short training
from scratch and one from inherited weights, and a full one from scratch, which says how good it is.
What the recording has is not trained again; results are kept, one line a network, and a second call
goes on where the first ended.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from time import process_time
from typing import Any

import click
import numpy as np
import torch

from benchmarks.json_lines import read_json_lines
from benchmarks.program import Program
from benchmarks.rank_correlation import bootstrapped, kendall, spearman
from benchmarks.recorded_networks import RecordedNetwork, read_recorded
from nas.data.dataset import AnyTaskData, DataRequest
from nas.macs.architecture import count_architecture
from nas.model.build import build_network
from nas.model.identity import architecture_hash, leading_hashes
from nas.search.known_cost.replay import Replay
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import SpaceSpec, load_space
from nas.tasks.registry import task_of
from nas.train.device import seeded, set_threads
from nas.train.inherit import Donors, layer_weights
from nas.train.loop import fit

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Measured:
    """One candidate; F1 is the best validation macro-F1 of a run."""

    hash: str
    kind: str
    """`recorded` or `variant`."""
    donor: str
    shared: int
    """Blocks that begin with the donor's weights."""
    share: float
    """Of the weights of all blocks that were inherited."""
    short: float
    inherited: float
    full: float
    seconds: float
    """Processor time of what was trained here."""


@click.command(cls=Program)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--pool", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--results", type=click.Path(path_type=Path), required=True)
@click.option("--space", default="shufflenet.yaml", show_default=True)
@click.option("--donors", default=4, show_default=True, help="Networks that hand on weights.")
@click.option("--recorded", default=6, show_default=True, help="Candidates of the recording.")
@click.option("--variants", default=3, show_default=True, help="Candidates made of each donor.")
@click.option("--frozen", default="m1 m2 m3", show_default=True, help="Layers that variants keep.")
@click.option("--short-epochs", default=3, show_default=True)
@click.option("--epochs", default=15, show_default=True)
def main(
    data: Path,
    pool: Path,
    results: Path,
    space: str,
    donors: int,
    recorded: int,
    variants: int,
    frozen: str,
    short_epochs: int,
    epochs: int,
) -> None:
    """Train what is missing, and print how well each short training ranks the full ones."""
    set_threads(1)
    networks = read_recorded(pool)
    loaded = load_space(space).with_classes(networks[0].architecture.classes)
    trainer = Trainer(loaded, data, networks[0].architecture)
    chosen = networks[:donors]
    kept = Donors(results.with_suffix(".weights"), click.echo)
    for donor in chosen:
        if not (kept.folder / f"{architecture_hash(donor.architecture)}.safetensors").exists():
            trained, f1 = trainer.train(donor.architecture, epochs)
            kept.keep(donor.architecture, trained, f1)
            click.echo(f"donor {donor.macs:,} MACs: {f1:.3f}")
    done = {item.hash: item for item in _read_results(results)}
    for kind, network in candidates(networks, chosen, loaded, recorded, variants, frozen.split()):
        if architecture_hash(network.architecture) in done:
            continue
        item = trainer.measure(kind, network, kept, short_epochs, epochs)
        with results.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(item)) + "\n")
        click.echo(
            f"{kind:9}{network.macs:>12,} MACs, {item.shared:2} blocks shared: "
            f"{item.short:.3f} {item.inherited:.3f} {item.full:.3f}"
        )
    report(_read_results(results))


class Trainer:
    """Trains on one loaded data set."""

    def __init__(self, space: SpaceSpec, data: Path, example: ArchitectureSpec) -> None:
        self.space = space
        self.task = task_of(space)
        self.data: AnyTaskData = self.task.load_data(
            DataRequest(data, example.input, space.preprocess)
        )

    def train(
        self, architecture: ArchitectureSpec, epochs: int, donors: Donors | None = None
    ) -> tuple[torch.nn.Module, float]:
        """The trained network and its best validation macro-F1."""
        training = self.space.training.model_copy(update={"epochs": epochs})
        with seeded(training.seed, CPU):
            network = build_network(replace(architecture, preprocess=self.data.preprocess))
        if donors is not None and donors.start(architecture, network) is None:
            raise ValueError(f"nothing inherited by {architecture.name}")
        result = fit(network, self.data, self.task, training, device=CPU)
        return network, result.best_validation.primary

    def measure(
        self, kind: str, network: RecordedNetwork, donors: Donors, short: int, full: int
    ) -> Measured:
        """Train one candidate in the three ways, but for those that are recorded."""
        start, seed = process_time(), self.space.training.seed
        found = donors.find(network.architecture)
        assert found is not None
        donor, cut = found
        results = {
            epochs: network.best[epochs, seed]
            if (epochs, seed) in network.best
            else self.train(network.architecture, epochs)[1]
            for epochs in (short, full)
        }
        fresh, inherited = self.train(network.architecture, short, donors)
        sizes = {name: value.numel() for name, value in layer_weights(fresh).items()}
        taken = sum(size for name, size in sizes.items() if name in cut.parts)
        return Measured(
            hash=architecture_hash(network.architecture),
            kind=kind,
            donor=donor.path.stem,
            shared=cut.blocks,
            share=taken / sum(sizes.values()),
            short=results[short],
            inherited=inherited,
            full=results[full],
            seconds=process_time() - start,
        )


def candidates(
    networks: Sequence[RecordedNetwork],
    donors: Sequence[RecordedNetwork],
    space: SpaceSpec,
    recorded: int,
    variants: int,
    frozen: Sequence[str],
) -> Iterator[tuple[str, RecordedNetwork]]:
    """Variants of the donors, then the recorded networks that share most with one."""
    for number in range(variants):
        for index, donor in enumerate(donors):
            generator = np.random.default_rng([index, number])
            yield "variant", variant(space, donor, frozen, generator)
    hashes = [leading_hashes(donor.architecture) for donor in donors]

    def most(network: RecordedNetwork) -> int:
        own = leading_hashes(network.architecture)
        return max(sum(a == b for a, b in zip(own, other, strict=False)) for other in hashes)

    sharing = [network for network in networks[len(donors) :] if most(network)]
    yield from (("recorded", item) for item in sorted(sharing, key=most, reverse=True)[:recorded])


def variant(
    space: SpaceSpec,
    donor: RecordedNetwork,
    frozen: Sequence[str],
    generator: np.random.Generator,
) -> RecordedNetwork:
    """The donor with all layers but the frozen ones drawn anew."""
    kept = {name: value for name, value in donor.params.items() if name.split(".")[0] in frozen}
    trial = Replay(generator, kept)
    architecture = space.sample(trial)
    report = count_architecture(architecture)
    return RecordedNetwork(architecture, trial.params, report.total, report.parameters, {})


def report(items: Sequence[Measured]) -> None:
    """Print the rank correlations of both short trainings with the full one."""
    kinds = sorted({item.kind for item in items})
    groups = [("all", list(items))]
    groups += [(kind, [item for item in items if item.kind == kind]) for kind in kinds]
    for name, group in groups:
        if len(group) < 5:
            continue
        full = [item.full for item in group]
        columns = {
            "scratch": [item.short for item in group],
            "inherited": [item.inherited for item in group],
        }
        shared = float(np.median([item.share for item in group]))
        click.echo(f"\n{name}: {len(group)} networks, median share of weights taken {shared:.0%}")
        for label, short in columns.items():
            missing = np.mean(np.subtract(full, short))
            click.echo(
                f"  {label:10} Spearman {bootstrapped(spearman, short, full):.2f}, "
                f"Kendall {bootstrapped(kendall, short, full):.2f}, full F1 higher by {missing:.3f}"
            )
        gain = bootstrapped(_gain, columns["inherited"], columns["scratch"], full)
        click.echo(f"  inherited less scratch, the same networks resampled: Spearman {gain:.2f}")
        raised = np.subtract(columns["inherited"], columns["scratch"]).tolist()
        blocks = bootstrapped(spearman, raised, [item.shared for item in group])
        click.echo(
            f"  F1 raised by {np.mean(raised):.3f}; Spearman with shared blocks {blocks:.2f}"
        )


def _gain(inherited: Any, scratch: Any, full: Any) -> float:
    return spearman(inherited, full) - spearman(scratch, full)


def _read_results(path: Path) -> list[Measured]:
    if not path.exists():
        return []
    names = [field.name for field in fields(Measured)]
    return [Measured(**row) for row in read_json_lines(path, names)]


if __name__ == "__main__":
    main()

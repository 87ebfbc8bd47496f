"""Records trainings of random members of large spaces, so that searches can be replayed on them.

    python -m benchmarks.record_pools --data DIR

Two spaces, two data sets: photos of DIR (every fourth training picture), and scikit-learn's digits
(every third), each put at random among scraps of others. A member is drawn at random of those whose
multiply-adds lie within a twentieth of a target. Targets are even in log-MACs, the highest ten
times the lowest, as draws alone leave the cheap end nearly empty. Inputs are small, so that one
training takes seconds, and so are the multiply-adds. A space has the same members on both data.

A line for each training is added to `benchmarks/pools/SPACE.DATA.jsonl`, as soon as it has ended;
what is there is not trained again, so the program may be killed at any moment and goes on. Members
come in turn over spaces and data, so that the pools grow alike; every eighth is trained with a
second seed as well, which tells the noise, and when all are done the others are.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.early_stopping.recording import train_recorded
from benchmarks.program import Program
from nas.data.dataset import DataRequest
from nas.data.image.dataset import ImageData, ImageSet
from nas.search.pricing import Priced, PricedSpace
from nas.search.settings import resolved_training
from nas.spec.budget import BudgetSpec
from nas.spec.definition import InputSpec
from nas.spec.space import SpaceSpec, load_space
from nas.spec.training import TrainingSpec
from nas.spec.trial import RandomTrial
from nas.tasks.registry import task_of
from nas.train.device import set_threads

POOLS = Path(__file__).parent / "pools"
PHOTOS, SCRAPS = "photos", "scraps"
THINNED = {PHOTOS: 4, SCRAPS: 3}
"""Of so many training pictures one is trained on."""
MACS_RATIO = 10
"""The dearest member by the cheapest one."""
WITHIN = 0.05
"""How far a member's MACs may be from its target, relative to that."""
SECOND_SEED_EVERY = 8
BATCH_SIZE = 32
DIGIT_PX, SCRAP_PX = 14, 7
SCRAPS_A_PICTURE = 2
NOISE = 10.0


@dataclass(frozen=True)
class RecordedSpace:
    """A space whose members are recorded."""

    input: str
    lowest_macs: float


SPACES = {
    "small-pictures": RecordedSpace("3x16x24", 0.15e6),
    "mobilenetv3": RecordedSpace("3x24x32", 0.3e6),
}


@dataclass(frozen=True)
class PoolTraining:
    """One training that is to be in a pool."""

    member: int
    space: str
    data: str
    seed: int


@click.command(cls=Program)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="Photos.")
@click.option(
    "--pools", type=click.Path(path_type=Path), default=POOLS, help="Where they are kept."
)
@click.option("--members", default=150, show_default=True, help="Of each space.")
@click.option("--epochs", default=6, show_default=True)
def main(data: Path, pools: Path, members: int, epochs: int) -> None:
    """Train what is missing in the pools."""
    set_threads(1)
    pools.mkdir(parents=True, exist_ok=True)
    recorder = _Recorder(data, pools, epochs)
    for item in plan(members):
        line = recorder.record(item)
        if line is not None:
            click.echo(line)


def plan(members: int) -> Iterator[PoolTraining]:
    """All trainings, in an order of which every beginning is even over spaces and data."""
    later = []
    for member in range(members):
        for space in SPACES:
            for data in (PHOTOS, SCRAPS):
                yield PoolTraining(member, space, data, 0)
                second = PoolTraining(member, space, data, 1)
                if member % SECOND_SEED_EVERY == 0:
                    yield second
                else:
                    later.append(second)
    yield from later


def members_even(space: SpaceSpec, lowest: float) -> Iterator[tuple[dict[str, Any], Priced]]:
    """Different random members of a space, even in log-MACs, without an end."""
    priced, generator, found = (
        PricedSpace(space, BudgetSpec()),
        np.random.default_rng(0),
        set[str](),
    )
    while True:
        target = lowest * MACS_RATIO ** generator.uniform()
        while True:
            draw = RandomTrial(generator)
            network = priced.draw(draw)
            macs = network.cost.macs
            near = abs(macs - target) <= WITHIN * target
            within = lowest <= macs <= MACS_RATIO * lowest
            if near and within and network.key not in found:
                break
        found.add(network.key)
        yield dict(draw.params), network


class _Recorder:
    """Trains on what was loaded once."""

    def __init__(self, photos: Path, pools: Path, epochs: int) -> None:
        self.pools, self.epochs = pools, epochs
        self.data: dict[tuple[str, str], ImageData] = {}
        self.training: dict[tuple[str, str], TrainingSpec] = {}
        self.draws: dict[tuple[str, str], Iterator[tuple[dict[str, Any], Priced]]] = {}
        self.networks: dict[tuple[str, str], list[tuple[dict[str, Any], Priced]]] = {}
        for name, recorded in SPACES.items():
            size = InputSpec.parsed(recorded.input)
            given = load_space(f"{name}.yaml").with_keys(input=size.model_dump())
            for data in (PHOTOS, SCRAPS):
                loaded = _loaded(given, size, photos if data == PHOTOS else None)
                space = given.with_classes(loaded.classes)
                self.data[name, data] = loaded
                self.training[name, data] = resolved_training(
                    space, space.training, built_in=data == SCRAPS
                )
                self.draws[name, data] = members_even(space, recorded.lowest_macs)
                self.networks[name, data] = []
        self.done = {
            PoolTraining(row["member"], row["space"], row["data"], row["seed"])
            for path in pools.glob("*.jsonl")
            for row in whole_lines(path)
        }

    def record(self, item: PoolTraining) -> str | None:
        """What a training gave; None where it is in the pool already."""
        if item in self.done:
            return None
        data = self.data[item.space, item.data]
        networks = self.networks[item.space, item.data]
        networks += islice(self.draws[item.space, item.data], item.member + 1 - len(networks))
        params, network = networks[item.member]
        architecture = replace(network.architecture, preprocess=data.preprocess)
        training = self.training[item.space, item.data].model_copy(
            update={"epochs": self.epochs, "seed": item.seed, "batch_size": BATCH_SIZE}
        )
        run = train_recorded(training, architecture, data)
        row = {
            "member": item.member,
            "space": item.space,
            "data": item.data,
            "seed": item.seed,
            "hash": network.key,
            "macs": network.cost.macs,
            "parameters": network.cost.parameters,
            "history": [round(value, 5) for value in run["history"]],
            "seconds": round(run["cpu_seconds"], 2),
            "params": params,
            "layers": [step.identity for step in network.architecture.steps()],
        }
        with (self.pools / f"{item.space}.{item.data}.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        best = max(run["history"])
        return f"{item.member:4} {item.space}.{item.data}, seed {item.seed}: {best:.4f}"


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """The trainings of a pool. A last line that a kill cut short is taken off the file."""
    text = path.read_text(encoding="utf-8")
    end = text.rfind("\n") + 1
    if end < len(text):
        path.write_text(text[:end], encoding="utf-8")
    return [json.loads(line) for line in text[:end].splitlines()]


def _loaded(space: SpaceSpec, size: InputSpec, photos: Path | None) -> ImageData:
    if photos is None:
        small = InputSpec(channels=3, height=DIGIT_PX, width=DIGIT_PX)
        digits: ImageData = task_of(space).load_data(DataRequest(None, small, space.preprocess))
        generator = np.random.default_rng(0)
        splits = {
            name: _among_scraps(split, size, generator) for name, split in digits.splits.items()
        }
        return _thinned(replace(digits, splits=splits, input=size), THINNED[SCRAPS])
    data: ImageData = task_of(space).load_data(DataRequest(photos, size, space.preprocess))
    return _thinned(data, THINNED[PHOTOS])


def _thinned(data: ImageData, every: int) -> ImageData:
    train, rows = data.splits["train"], slice(None, None, every)
    fewer = replace(
        train, pixels=train.pixels[rows], labels_N=train.labels_N[rows], paths=train.paths[rows]
    )
    return replace(data, splits={**data.splits, "train": fewer})


def _among_scraps(digits: ImageSet, size: InputSpec, generator: np.random.Generator) -> ImageSet:
    """Each digit in a random colour and place, among scraps of others, with noise over all."""
    count = len(digits)
    pixels = np.zeros((count, size.height, size.width, size.channels), np.float64)
    for picture in pixels:
        for other in generator.integers(count, size=SCRAPS_A_PICTURE):
            top, left = generator.integers(DIGIT_PX - SCRAP_PX + 1, size=2)
            scrap = digits.pixels[other, top : top + SCRAP_PX, left : left + SCRAP_PX]
            _put(picture, scrap, generator)
    for picture, digit in zip(pixels, digits.pixels, strict=True):
        _put(picture, digit, generator)
    noisy = pixels + NOISE * generator.standard_normal(pixels.shape)
    return replace(digits, pixels=np.clip(noisy.round(), 0, 255).astype(np.uint8))


def _put(picture: np.ndarray, patch: np.ndarray, generator: np.random.Generator) -> None:
    height, width, _ = patch.shape
    top = generator.integers(picture.shape[0] - height + 1)
    left = generator.integers(picture.shape[1] - width + 1)
    place = picture[top : top + height, left : left + width]
    np.maximum(place, patch * generator.uniform(0.4, 1.0, size=3), out=place)


if __name__ == "__main__":
    main()

"""What each choice of the training recipe gains, on pictures that are balanced or not.

    python -m benchmarks.recipe --data DIR --input 3x35x48 --results FILE

One network of a space is trained with the task's own settings and with each change of `CHANGES`,
with the same seeds; what is printed is the difference by pairs. Results are kept, one a line,
and a second call goes on where the first ended. `--per-class` and `--imbalance` thin the training
split of real pictures, and what they leave out is validated on too. Validation only.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from time import process_time
from types import MappingProxyType
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from benchmarks.json_lines import read_json_lines
from benchmarks.program import Program
from benchmarks.random_members import CPU, members_near
from nas.data.augment import AugmentSpec
from nas.data.dataset import DataRequest
from nas.data.image.dataset import ImageData, ImageSet
from nas.data.sampler import DEFAULT_SAMPLER
from nas.errors import NasError
from nas.model.build import build_network
from nas.search.pricing import Priced
from nas.spec.definition import InputSpec
from nas.spec.quantity import parse_quantity
from nas.spec.space import SpaceSpec, load_space
from nas.spec.training import TrainingSpec
from nas.tasks.image.losses import LossSpec
from nas.tasks.image.requirements import LOPSIDED
from nas.tasks.image.task import ImageTask
from nas.text_table import aligned
from nas.train.device import seeded, set_threads
from nas.train.loop import fit

OWN = "own"
"""The task's own settings, which every change is compared with."""
SHIFT_PIXELS = 2
BALANCED = 2.0
"""Training pictures of the largest class by those of the smallest, up to which they are balanced.
"""
_SMOOTH = {"loss": LossSpec(kind="cross_entropy", label_smoothing=0.1)}
CHANGES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        OWN: {},
        "even": {"sampler": "none"},
        "inverse": {"sampler": "inverse"},
        "smooth": _SMOOTH,
        "even+smooth": {"sampler": "none", **_SMOOTH},
        "no colour": {"augment": {"colour": 0.0}},
        "2 pixels": {"augment": {"crop_padding": None}},
    }
)
"""Settings by name; a `crop_padding` of None is `SHIFT_PIXELS` of the input's longer side."""
PAIRED = 0.95
"""Level of the intervals."""


@dataclass(frozen=True)
class Measured:
    """One training; `macro_f1` is the best epoch's, on validation."""

    data: str
    """Name of the data set, and how it was thinned."""
    change: str
    seed: int
    imbalance: float
    """Training pictures of the largest class by those of the smallest."""
    macs: int
    epochs: int
    macro_f1: float
    seconds: float
    """Processor time."""


@click.command(cls=Program)
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="None: built-in digits.")
@click.option("--groups", type=click.Path(path_type=Path, exists=True), help="CSV path,group.")
@click.option("--input", "size", required=True, help="Input of the network, e.g. 3x32x32.")
@click.option("--space", default="small-pictures.yaml", show_default=True)
@click.option("--macs", default="600k", show_default=True, help="Of the network, about.")
@click.option("--per-class", type=click.IntRange(1), help="Most training pictures of a class.")
@click.option("--imbalance", type=click.FloatRange(1), default=1.0, help="Made by thinning.")
@click.option("--changes", default=",".join(CHANGES), show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Of the splits and of the training.")
@click.option("--epochs", default=12, show_default=True)
@click.option("--batch-size", default=64, show_default=True)
@click.option("--results", type=click.Path(path_type=Path), required=True)
def main(
    data: Path | None,
    groups: Path | None,
    size: str,
    space: str,
    macs: str,
    per_class: int | None,
    imbalance: float,
    changes: str,
    seeds: int,
    epochs: int,
    batch_size: int,
    results: Path,
) -> None:
    """Train what is missing, and print the table of all that FILE holds."""
    set_threads(1)
    name = "digits" if data is None else data.name
    name += "" if per_class is None else f" {per_class} a class"
    name += "" if imbalance == 1 else f" 1:{imbalance:g}"
    done = {(item.data, item.change, item.seed) for item in read_results(results)}
    trainer = _Trainer(load_space(space).with_keys(input=InputSpec.parsed(size).model_dump()))
    plain = TrainingSpec(epochs=epochs, batch_size=batch_size)
    for seed in range(seeds):
        missing = [change for change in changes.split(",") if (name, change, seed) not in done]
        if not missing:
            continue
        request = DataRequest(data, InputSpec.parsed(size), seed=seed, groups=groups)
        loaded = thinned(trainer.task.load_data(request), per_class, imbalance, seed)
        for change in missing:
            training = changed(plain, change, loaded, seed=seed, built_in=data is None)
            item = trainer.measure(name, change, loaded, parse_quantity(macs), training)
            with results.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(asdict(item)) + "\n")
    click.echo("\n".join(table(read_results(results))))


def changed(
    plain: TrainingSpec, change: str, data: ImageData, *, seed: int, built_in: bool
) -> TrainingSpec:
    """The task's settings for these data with one change. Raises NasError for an unknown one."""
    if change not in CHANGES:
        raise NasError(f"no change {change!r}; allowed: {', '.join(CHANGES)}", key="--changes")
    update: dict[str, Any] = {"sampler": DEFAULT_SAMPLER, "seed": seed, **CHANGES[change]}
    if (augment := update.get("augment")) is not None:
        longer = max(data.input.height, data.input.width)
        values = {key: SHIFT_PIXELS / longer if v is None else v for key, v in augment.items()}
        update["augment"] = AugmentSpec(**values)
    return ImageTask().resolved(plain.model_copy(update=update), built_in=built_in)


def thinned(data: ImageData, per_class: int | None, imbalance: float, seed: int) -> ImageData:
    """The data with fewer training pictures; those that are left out are validated on.

    Classes keep `per_class` at most; by `imbalance` they keep ever fewer, in random order, from all
    to that share of the smallest class.
    """
    if per_class is None and imbalance == 1:
        return data
    train, validation = data.split("train"), data.split("validation")
    generator = np.random.default_rng(seed)
    wanted = kept_counts(np.array(train.class_counts), per_class, imbalance, generator)
    kept = np.zeros(len(train), dtype=bool)
    for label, count in enumerate(wanted):
        kept[generator.permutation(np.flatnonzero(train.labels_N == label))[:count]] = True
    more = _subset(train, ~kept)
    joined = ImageSet(
        pixels=np.concatenate([validation.pixels, more.pixels]),
        labels_N=np.concatenate([validation.labels_N, more.labels_N]),
        paths=validation.paths + more.paths,
        classes=data.classes,
    )
    splits = {"train": _subset(train, kept), "validation": joined}
    return ImageTask().measure_normalisation(replace(data, splits=splits))


def kept_counts(
    counts: NDArray[np.int64],
    per_class: int | None,
    imbalance: float,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Training pictures that each class keeps."""
    wanted = counts if per_class is None else np.minimum(counts, per_class)
    if imbalance == 1:
        return wanted
    shares = generator.permutation(np.geomspace(1, 1 / imbalance, len(counts)))
    return np.maximum(np.round(wanted.min() * shares), 1).astype(np.int64)


def _subset(images: ImageSet, chosen_N: NDArray[np.bool_]) -> ImageSet:
    members = np.flatnonzero(chosen_N)
    paths = tuple(images.paths[member] for member in members)
    return ImageSet(images.pixels[members], images.labels_N[members], paths, images.classes)


class _Trainer:
    """Trains one network of a space."""

    def __init__(self, space: SpaceSpec) -> None:
        self.task = ImageTask()
        self.space = space
        self.network: Priced | None = None

    def measure(
        self, name: str, change: str, data: ImageData, macs: int, training: TrainingSpec
    ) -> Measured:
        start = process_time()
        network = self._network(data, macs)
        architecture = replace(network.architecture, preprocess=data.preprocess)
        with seeded(training.seed, CPU):
            module = build_network(architecture)
        result = fit(module, data, self.task, training, device=CPU)
        counts = data.split("train").class_counts
        return Measured(
            data=name,
            change=change,
            seed=training.seed,
            imbalance=round(max(counts) / min(counts), 2),
            macs=network.cost.macs,
            epochs=training.epochs,
            macro_f1=result.best_validation.primary,
            seconds=round(process_time() - start, 1),
        )

    def _network(self, data: ImageData, macs: int) -> Priced:
        """The first random member near that cost."""
        if self.network is None:
            found = next(members_near(self.space.with_classes(data.classes), macs, 1), None)
            if found is None:
                raise NasError(f"{self.space.name} has no member near it", key="--macs")
            self.network = found
        return self.network


def table(items: Sequence[Measured]) -> list[str]:
    """A line for each data set: its own macro-F1, and what each change adds, with its interval.

    Below them what it adds, by pairs, on all sets that are balanced, lopsided, or between.
    """
    sets: dict[str, list[Measured]] = defaultdict(list)
    for item in items:
        sets[item.data].append(item)
    names = [name for name in CHANGES if name != OWN]
    pooled: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    rows = [("data", "imbalance", "own", *names)]
    for name, group in sorted(sets.items(), key=lambda entry: entry[1][0].imbalance):
        own = [item.macro_f1 for item in group if item.change == OWN]
        gains = [paired(group, change) for change in names]
        texts = map(gain_text, gains)
        rows.append((name, f"{group[0].imbalance:.1f}", f"{np.mean(own):.3f}", *texts))
        for change, found in zip(names, gains, strict=True):
            pooled[_band(group[0].imbalance)][change] += found
    for name, found_by_change in pooled.items():
        rows.append((name, "", "", *(gain_text(found_by_change[change]) for change in names)))
    return aligned(rows, left=(0,))


def _band(imbalance: float) -> str:
    if imbalance <= BALANCED:
        return f"all up to {BALANCED:g}"
    return f"all from {LOPSIDED:g}" if imbalance >= LOPSIDED else "all between"


def paired(group: Collection[Measured], change: str) -> list[float]:
    """Macro-F1 with the change less that without, of each seed that has both."""
    own = {item.seed: item.macro_f1 for item in group if item.change == OWN}
    return [
        item.macro_f1 - own[item.seed]
        for item in group
        if item.change == change and item.seed in own
    ]


def gain_text(gains: Sequence[float]) -> str:
    """Mean, half the width of Student's interval, and the number of pairs."""
    if len(gains) < 2:
        return "-" if not gains else f"{gains[0]:+.3f}"
    spread = np.std(gains, ddof=1) / np.sqrt(len(gains))
    half = t.ppf(0.5 + PAIRED / 2, len(gains) - 1) * spread
    return f"{np.mean(gains):+.3f} +-{half:.3f} ({len(gains)})"


def read_results(path: Path) -> list[Measured]:
    """The trainings that a file holds; none where it is not there."""
    if not path.exists():
        return []
    names = [field.name for field in fields(Measured)]
    return [Measured(**row) for row in read_json_lines(path, names)]


if __name__ == "__main__":
    main()

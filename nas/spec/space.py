"""A search space: an architecture with choices in it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from blocks import Shape
from nas.errors import NasError
from nas.spec.architecture import class_names
from nas.spec.budget import BudgetSpec, SearchSpec
from nas.spec.definition import ArchitectureSpec, Head, InputSpec
from nas.spec.domain import Choice, Range, Trial, Widths, parse_domain
from nas.spec.frozen import Frozen
from nas.spec.installed import find_space
from nas.spec.layers import LayerSpec, check_names
from nas.spec.load import Document, parse_document, read_document, show, validate
from nas.spec.preprocess import ImagePreprocess
from nas.spec.reach import State, follow
from nas.spec.score import parse_score
from nas.spec.template import LayerTemplate, parse_template
from nas.spec.training import TrainingSpec

MAX_LAYERS = 200
NO_WIDTHS = Widths(1, 1)


@dataclass(frozen=True)
class InputTemplate:
    """The inputs that members may have: heights with widths, or whole sizes."""

    channels: Choice | Range
    height: Choice | Range | None = None
    width: Choice | Range | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    """`(height, width)` pairs, in place of heights and widths."""

    def sample(self, trial: Trial) -> InputSpec:
        """One input."""
        channels = self.channels.sample(trial, "input.channels", NO_WIDTHS).value
        if self.height is None or self.width is None:
            last = len(self.sizes) - 1
            position = trial.suggest_int("input.size.position", 0, last) if last else 0
            height, width = self.sizes[position]
        else:
            height = self.height.sample(trial, "input.height", NO_WIDTHS).value  # type: ignore[assignment]
            width = self.width.sample(trial, "input.width", NO_WIDTHS).value  # type: ignore[assignment]
        return InputSpec.model_validate({"channels": channels, "height": height, "width": width})

    def shapes(self) -> tuple[Shape, ...]:
        """Every `(C, H, W)` that can be drawn."""
        sizes = self.sizes or tuple(product(_whole(self.height), _whole(self.width)))
        return tuple((c, *size) for c in _whole(self.channels) for size in sizes)


def _whole(domain: Choice | Range | None) -> list[int]:
    return [int(drawn.value or 0) for drawn in domain.values(NO_WIDTHS)] if domain else []


@dataclass(frozen=True)
class SpaceSpec:
    """A search space as an object."""

    name: str
    document: Document
    task: str
    input: InputTemplate
    layers: tuple[LayerTemplate, ...]
    outputs: frozenset[State]
    """What the last layer of some member puts out."""
    head: Head
    classes: tuple[str, ...]
    preprocess: ImagePreprocess | None
    budget: BudgetSpec
    search: SearchSpec
    training: TrainingSpec
    score: str | None

    def sample(self, trial: Trial) -> ArchitectureSpec:
        """The architecture that an Optuna trial, or anything with its `suggest_` methods, draws."""
        size = self.input.sample(trial)
        shape: Shape = size.shape
        reported = size.channels
        layers: list[LayerSpec] = []
        for template in self.layers:
            widths = Widths(shape[0], reported)
            drawn = template.sample(trial, widths)
            if drawn is None:
                continue
            layer, branch, base = drawn
            layers.append(layer)
            first, *rest = layer.copies()
            shape = first.output_shape(shape)
            reported = branch.reported(base, widths, shape)
            for config in rest:
                shape = config.output_shape(shape)
        return ArchitectureSpec(
            name=f"{self.name}-t{trial.number}",
            input=size,
            layers=tuple(layers),
            classes=self.classes,
            head=self.head,
            task=self.task,
            preprocess=self.preprocess,
        )

    def with_classes(self, classes: tuple[str, ...]) -> "SpaceSpec":
        """The same space for other classes."""
        if len(classes) == len(self.classes):
            return replace(self, classes=classes)
        return _space_from(self.document, classes)


class SpaceFile(Frozen):
    """The keys of a search space file; input and layers are read one by one."""

    name: str = ""
    task: str = "image"
    input: dict[str, Any]
    layers: list[Any]
    head: Head = "linear"
    classes: int | list[str | int | float] = 10
    preprocess: ImagePreprocess | None = None
    budget: BudgetSpec = BudgetSpec()
    search: SearchSpec = SearchSpec()
    training: TrainingSpec = TrainingSpec()
    score: str | None = None


def load_space(path: str | Path) -> SpaceSpec:
    """The search space of a YAML file, looked for in the current folder, then among the installed ones.

    Raises NasError with file, line and key for whatever is wrong in it, members that could not be built
    included.
    """
    return _space_from(read_document(find_space(path)))


def parse_space(text: str, path: str | Path = "space.yaml") -> SpaceSpec:
    """As `load_space`, of a text."""
    return _space_from(parse_document(text, Path(path)))


def _space_from(document: Document, classes: tuple[str, ...] | None = None) -> SpaceSpec:
    header = validate(SpaceFile, document)
    if not header.layers or len(header.layers) > MAX_LAYERS:
        raise document.error(
            ("layers",), f"{len(header.layers)} layers; allowed are 1 to {MAX_LAYERS}"
        )
    names = classes or class_names(document, header.classes)
    templates = tuple(
        parse_template(document, index, data, len(names))
        for index, data in enumerate(header.layers)
    )
    check_names(document, [template.name for template in templates])
    inputs = _parse_input(document, header.input)
    layers, outputs = follow(document, templates, set(inputs.shapes()))
    _check_head(document, header.head, outputs, len(names))
    _check_score(document, header.score)
    return SpaceSpec(
        name=header.name or document.path.stem,
        document=document,
        task=header.task,
        input=inputs,
        layers=layers,
        outputs=frozenset(outputs),
        head=header.head,
        classes=names,
        preprocess=header.preprocess,
        budget=header.budget,
        search=header.search,
        training=header.training,
        score=header.score,
    )


def _parse_input(document: Document, data: dict[str, Any]) -> InputTemplate:
    """The input, whose sides may be choices. Raises NasError for a side that no input can have."""
    if "size" in data:
        return _parse_sizes(document, data)
    sides = {name: parse_domain(document, ("input", name), data[name]) for name in data}
    first = {
        name: next((drawn.value for drawn in domain.values(NO_WIDTHS)), None)
        for name, domain in sides.items()
    }
    validate(InputSpec, document, ("input",), first)
    for name, domain in sides.items():
        for drawn in domain.values(NO_WIDTHS):
            validate(InputSpec, document, ("input",), first | {name: drawn.value})
    return InputTemplate(sides.get("channels", Choice((3,))), sides["height"], sides["width"])


def _parse_sizes(document: Document, data: dict[str, Any]) -> InputTemplate:
    """The input as `{channels, size: [[height, width], ...]}`."""
    for name in data:
        if name not in ("channels", "size"):
            raise document.error(("input", name), "beside size only channels may stand")
    channels = parse_domain(document, ("input", "channels"), data.get("channels", 3))
    sizes = data["size"]
    if not isinstance(sizes, list) or not sizes:
        raise document.error(
            ("input", "size"), f"a list of [height, width] pairs, not {show(sizes)}"
        )
    pairs = []
    for index, pair in enumerate(sizes):
        key = ("input", "size", index)
        if not isinstance(pair, list) or len(pair) != 2:
            raise document.error(key, f"a [height, width] pair, not {show(pair)}")
        for drawn in channels.values(NO_WIDTHS):
            sides = {"channels": drawn.value, "height": pair[0], "width": pair[1]}
            size = validate(InputSpec, document, key, sides)
        pairs.append((size.height, size.width))
    if len(set(pairs)) != len(pairs):
        raise document.error(("input", "size"), "one size stands here twice")
    return InputTemplate(channels, sizes=tuple(pairs))


def _check_head(document: Document, head: Head, outputs: Iterable[State], classes: int) -> None:
    """Raises NasError if `head: none` and some member does not end in one logit a class."""
    if head == "linear":
        return
    for state in outputs:
        if state.shape[0] != classes or any(side != 1 for side in state.shape[1:]):
            came = "x".join(map(str, state.shape))
            raise document.error(
                ("head",),
                f"with head none the layers must end in {classes}x1x1 for {classes} classes, but a member "
                f"ends in {came}; write `out: classes` in the last layer, or head: linear",
            )


def _check_score(document: Document, score: str | None) -> None:
    if score is None:
        return
    try:
        parse_score(score)
    except NasError as error:
        raise document.error(("score",), error.problem) from error


class RandomTrial:
    """Draws every parameter at random: what sampling needs of a trial, without a study."""

    def __init__(self, generator: np.random.Generator, number: int = 0) -> None:
        self.generator = generator
        self.number = number
        self.params: dict[str, Any] = {}

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        self.params[name] = choices[int(self.generator.integers(len(choices)))]
        return self.params[name]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        value = low + step * int(self.generator.integers((high - low) // step + 1))
        self.params[name] = value
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        if step is None:
            value = float(self.generator.uniform(low, high))
        else:
            value = low + step * int(self.generator.integers(round((high - low) / step) + 1))
        self.params[name] = value
        return value

"""A search space: an architecture with choices in it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from nas.errors import NasError, did_you_mean
from nas.spec.architecture import ClassNames, class_names
from nas.spec.budget import BudgetSpec
from nas.spec.definition import DETECTION_HEAD, ArchitectureSpec, BeginSpec, Head, InputSpec
from nas.spec.domain import Trial, Widths
from nas.spec.input_template import InputTemplate, parse_input
from nas.spec.layers import LayerSpec, check_blocks
from nas.spec.load import Document, find_space, parse_document, read_document, show
from nas.spec.parse import parse_neck_template, parse_template
from nas.spec.preprocess import AnyPreprocess, Preprocess
from nas.spec.reach import follow
from nas.spec.score import parse_score
from nas.spec.search import SearchSpec
from nas.spec.template import LayerTemplate, State
from nas.spec.training import TrainingSpec
from nas.spec.validate import Frozen, Name, name_of, validate
from nas.spec.yaml_text import block

MAX_LAYERS = 200
MAX_VALUES = 100_000


@dataclass(frozen=True)
class SpaceSpec:
    """A search space as an object."""

    name: str
    document: Document
    task: str
    input: InputTemplate
    layers: tuple[LayerTemplate, ...]
    depths: tuple[int, ...]
    """How many of the layers a member may have, ascending; one number where `last` is not said."""
    states: tuple[frozenset[State], ...]
    """Possible inputs of each layer."""
    outputs: frozenset[State]
    """Possible outputs of a member's last layer."""
    head: Head
    neck: LayerTemplate | None
    """Of a detector; None elsewhere."""
    classes: tuple[str, ...]
    preprocess: Preprocess | None
    begin: BeginSpec | None
    """From which weights every member begins; None is from random ones."""
    teacher: Literal["reference"] | None
    """Who teaches the members: the network that they are cut from, or nobody."""
    budget: BudgetSpec
    search: SearchSpec
    training: TrainingSpec
    score: str | None

    def sample(self, trial: Trial) -> ArchitectureSpec:
        """The architecture that an Optuna trial, or anything with its `suggest_` methods, draws."""
        size = self.input.sample(trial)
        state = State(size.shape, size.channels)
        layers: list[LayerSpec] = []
        for template in self.layers[: self.sample_depth(trial)]:
            layer, state = template.sample(trial, state)
            if layer is not None:
                layers.append(layer)
        return self.member(trial.number, size, layers, self.sample_neck(trial))

    def sample_depth(self, trial: Trial) -> int:
        """How many of the written layers the member that a trial draws may have."""
        last = len(self.depths) - 1
        return self.depths[trial.suggest_int("last.position", 0, last) if last else 0]

    def sample_neck(self, trial: Trial) -> LayerSpec | None:
        """The neck that a trial draws; None for a head without one."""
        if self.neck is None:
            return None
        layer, _, _ = self.neck.draw(trial, Widths(1, 1))
        return None if layer is None else replace(layer, name=None)

    def member(
        self, number: int, size: InputSpec, layers: Iterable[LayerSpec], neck: LayerSpec | None
    ) -> ArchitectureSpec:
        """The architecture of these parts, drawn by the trial of that number."""
        return ArchitectureSpec(
            name=f"{self.name}-t{number}",
            input=size,
            layers=tuple(layers),
            classes=self.classes,
            head=self.head,
            neck=neck,
            task=self.task,
            begin=self.begin,
            preprocess=self.preprocess,
        )

    def with_keys(self, **keys: Any) -> "SpaceSpec":
        """The space of the same file with these keys replaced; its comments are lost."""
        return parse_space(block({**self.document.data, **keys}) + "\n", self.document.path)

    def with_classes(self, classes: tuple[str, ...]) -> "SpaceSpec":
        """The same space for other classes."""
        if len(classes) == len(self.classes):
            return replace(self, classes=classes)
        return _space_from(self.document, classes)


class SpaceFile(Frozen):
    """The keys of a search space file; input and layers are read one by one."""

    name: Name = ""
    task: str = "image"
    input: dict[str, Any]
    layers: list[Any]
    last: list[str] | None = None
    head: Head = "linear"
    neck: Any = None
    classes: ClassNames = 10
    preprocess: AnyPreprocess | None = None
    begin: BeginSpec | None = None
    teacher: Literal["reference", "none"] | None = None
    budget: BudgetSpec = BudgetSpec()
    search: SearchSpec = SearchSpec()
    training: TrainingSpec = TrainingSpec()
    score: str | None = None


def load_space(path: str | Path) -> SpaceSpec:
    """The search space of a YAML file, in the current folder or else among the installed ones.

    Raises NasError with file, line and key for whatever is wrong in it, members that could not be
    built included.
    """
    return _space_from(read_document(find_space(path)))


def parse_space(text: str, path: str | Path = "space.yaml") -> SpaceSpec:
    """As `load_space`, of a text."""
    return _space_from(parse_document(text, Path(path)))


def _space_from(document: Document, classes: tuple[str, ...] | None = None) -> SpaceSpec:
    header = validate(SpaceFile, document)
    teacher = None if header.teacher == "none" else header.teacher
    if teacher is not None and (header.begin is None or header.begin.reference is None):
        problem = f"{teacher} is the network that `begin` names, and there is none"
        raise document.error(("teacher",), problem)
    names = classes or class_names(document, header.classes)
    inputs = parse_input(document, header.input)
    neck = parse_neck_template(document, header.head, header.neck)
    templates = _templates(document, header, len(names))
    depths = _depths(document, header, templates)
    reach = follow(document, templates, inputs.shapes(), depths)
    _check_head(document, header.head, reach.outputs, len(names))
    _check_score(document, header.score)
    return SpaceSpec(
        name=name_of(document, header.name),
        document=document,
        task=header.task,
        input=inputs,
        layers=reach.layers,
        depths=depths,
        states=reach.states,
        outputs=reach.outputs,
        head=header.head,
        neck=neck,
        classes=names,
        preprocess=header.preprocess,
        begin=header.begin,
        teacher=teacher,
        budget=header.budget,
        search=header.search,
        training=header.training,
        score=header.score,
    )


def _templates(document: Document, header: SpaceFile, classes: int) -> tuple[LayerTemplate, ...]:
    """The written layers. Raises NasError where they are none or too many, or their names clash."""
    if not 1 <= len(header.layers) <= MAX_LAYERS:
        problem = f"{len(header.layers)} layers; allowed are 1 to {MAX_LAYERS}"
        raise document.error(("layers",), problem)
    templates: list[LayerTemplate] = []
    values = 0
    for index, data in enumerate(header.layers):
        template = parse_template(document, ("layers", index), data, classes)
        values += template.size
        if values > MAX_VALUES:
            problem = f"more than {MAX_VALUES} values to choose among up to here"
            raise document.error(template.key, problem)
        templates.append(template)
    check_blocks(document, [(item.key, item.name, max(item.repeats)) for item in templates])
    if header.head == DETECTION_HEAD and (named := [t for t in templates if t.name == "neck"]):
        raise document.error((*named[0].key, "name"), "the neck has this name: take another")
    if all(0 in template.repeats for template in templates):
        raise document.error(("layers",), "some layer must stand in every member: repeat 1 or more")
    return tuple(templates)


def _depths(
    document: Document, header: SpaceFile, templates: tuple[LayerTemplate, ...]
) -> tuple[int, ...]:
    """The numbers of layers that `last` allows. Raises NasError for names that it can't have."""
    if header.last is None:
        return (len(templates),)
    names = [template.name for template in templates]
    for index, name in enumerate(header.last):
        if name not in names:
            problem = f"{show(name)} is no layer{did_you_mean(name, names)}"
            raise document.error(("last", index), problem)
    depths = sorted({names.index(name) + 1 for name in header.last})
    if not depths or depths[-1] != len(templates):
        problem = f"must name the last layer, {names[-1]}, too: no member has it otherwise"
        raise document.error(("last",), problem)
    if all(0 in template.repeats for template in templates[: depths[0]]):
        problem = f"some layer up to {names[depths[0] - 1]} must stand in every member"
        raise document.error(("last",), problem)
    return tuple(depths)


def _check_head(document: Document, head: Head, outputs: Iterable[State], classes: int) -> None:
    """Raises NasError if `head: none` and some member does not end in one logit a class."""
    if head != "none":
        return
    for state in outputs:
        if state.shape[0] != classes or any(side != 1 for side in state.shape[1:]):
            came = "x".join(map(str, state.shape))
            problem = f"with head none the layers must end in {classes}x1x1 for {classes} classes"
            cure = "write `out: classes` in the last layer, or head: linear"
            raise document.error(("head",), f"{problem}, but a member ends in {came}; {cure}")


def _check_score(document: Document, score: str | None) -> None:
    if score is None:
        return
    try:
        parse_score(score)
    except NasError as error:
        raise document.error(("score",), error.problem) from error

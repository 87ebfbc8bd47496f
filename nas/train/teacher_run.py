"""The training of a teacher that a run or a search begins with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import torch

from nas.data.dataset import AnyTaskData, DataRequest
from nas.errors import NasError, did_you_mean
from nas.model.build import build_network
from nas.model.reference import torchvision_network
from nas.model.weights import HUB, installed_references, load_begin_reference
from nas.report.lines import Say
from nas.spec.architecture import ArchitectureSpec, InputSpec, load_architecture
from nas.spec.load import find_architecture
from nas.spec.preprocess import Preprocess
from nas.spec.provenance import Provenance
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.tasks.registry import library_architecture
from nas.train.begin import (
    begin_from,
    beginning_with,
    begun_architecture,
    in_full,
    library_weights,
    load_beginning,
    weights_told_as,
)
from nas.train.data import data_request
from nas.train.device import seeded
from nas.train.plan import METRICS_FILE, RunPlan, TeacherPlan, new_plan
from nas.train.run import train_untested
from nas.train.trained import ARCHITECTURE_FILE

POOLING = "GlobalAvgPool"
"""The block behind which a published classifier is no more of features."""
FINE_TUNING_EPOCHS = 12
"""Most epochs of a teacher that begins with weights; the taught network's where these are fewer."""
FINE_TUNING_RATE = 2e-3
"""Peak learning rate of such a teacher; from random weights it is the taught network's."""


@dataclass(frozen=True)
class Preparation:
    """The data and the settings that a teacher is trained with: those of what it will teach."""

    request: DataRequest
    preprocess: Preprocess
    training: TrainingSpec
    threads: int | None

    @classmethod
    def of_plan(cls, plan: RunPlan, data: AnyTaskData) -> "Preparation":
        """For the network of a plan."""
        return cls(data_request(plan), data.preprocess, plan.training, plan.threads)

    def architecture(self, given: ArchitectureSpec) -> ArchitectureSpec:
        """The teacher's, on the same splits, its inputs prepared alike if it says nothing."""
        known = given.provenance.without("data", "split_digest", "groups")
        facts = known.joined(Provenance(split_seed=self.request.seed))
        preprocess = given.preprocess or self.preprocess.unmeasured()
        return replace(given, preprocess=preprocess, provenance=facts)

    def settings(self, *, from_weights: bool) -> TrainingSpec:
        """The taught network's, shorter and gentler where it begins with weights."""
        changes: dict[str, object] = {"teaching": None}
        if from_weights:
            epochs = min(self.training.epochs, FINE_TUNING_EPOCHS)
            changes |= {"epochs": epochs, "learning_rate": FINE_TUNING_RATE}
        return self.training.model_copy(update=changes)


def train_teacher(plan: TeacherPlan, facts: Preparation, device: torch.device, *, say: Say) -> Path:
    """The folder of the teacher, trained there; one that was begun is gone on with.

    Raises NasError as `nas.run_training`, ValueError for a plan without an architecture.
    """
    (folder,) = plan.runs
    if plan.architecture is None:
        raise ValueError("nothing to train: the teacher is there")
    if (folder / METRICS_FILE).exists():
        return folder
    told: Callable[[str], None] = lambda line: say(f"  teacher: {line}" if line else line)  # noqa: E731
    if (folder / ARCHITECTURE_FILE).exists():
        begun = replace(RunPlan.from_folder(folder), tested=False)
        train_untested(begun.on_threads(facts.threads or 1), device, say=told)
        return folder
    pretrained = plan.architecture.provenance.pretrained
    from_weights = pretrained or plan.architecture.begin is not None
    request = facts.request
    made = new_plan(
        facts.architecture(plan.architecture),
        data=request.source,
        training=facts.settings(from_weights=from_weights),
        groups=request.groups,
        strict=request.strict,
        pretrained=pretrained,
        threads=facts.threads,
        out=folder,
    )
    train_untested(replace(made, tested=False), device, say=told)
    return folder


def reference_teacher(space: SpaceSpec, size: InputSpec | None = None) -> ArchitectureSpec:
    """The whole network that the members of a space are cut from, with the space's head.

    `size` None is the largest input of the members. Raises NasError, ValueError for a space that
    begins at random.
    """
    if space.begin is None or space.begin.reference is None:
        raise ValueError(f"{space.name} names no network that its members are cut from")
    if size is None:
        channels, height, width = max(space.input.shapes(), key=prod)
        size = InputSpec(channels=channels, height=height, width=width)
    whole = load_begin_reference(space.begin.reference)
    names = [layer.config.name for layer in whole.layers]
    pooled = names.index(POOLING) if POOLING in names else len(names)
    layers = whole.layers if space.head == "linear" else whole.layers[:pooled]
    return replace(
        whole,
        layers=layers,
        input=size,
        classes=space.classes,
        head=space.head,
        neck=None,
        task=space.task,
        begin=space.begin,
        preprocess=space.preprocess,
    )


def teacher_architecture(
    model: str, weights: str | None, task: str, *, size: InputSpec, given: InputSpec | None = None
) -> ArchitectureSpec:
    """The network of a name or an architecture file, which is trained to teach.

    It begins with `weights` (as `BeginSpec` has them), None leaves it what a file says. Its input
    is `given`, else a file's own, else `size`. Raises NasError, naming the flag, for a network that
    there is not, and for weights that are not there or not of it.
    """
    if ":" in model:
        architecture = library_architecture(model, given or size, task)
    elif find_architecture(model).is_file():
        sides = None if given is None else (given.height, given.width)
        architecture = load_architecture(model, input_size=sides)
    else:
        raise NasError(_unknown(model), key="--teacher-model")
    if architecture.task != task:
        problem = f"is of the task {architecture.task}, not {task}"
        raise NasError(problem, file=model, key="--teacher-model")
    if weights is None:
        _check_built(architecture)
        return architecture
    _check_built(replace(architecture, begin=None))
    with weights_told_as("--teacher-weights"):
        begun = _begun(architecture, weights)
        _check_built(begun)
    return begun


def _unknown(model: str) -> str:
    """What is said of a name that is no file, with the nearest that there is."""
    allowed = "torchvision:NAME, timm:NAME, my.module:factory, an architecture file"
    near = did_you_mean(model, installed_references())
    said = near if near.startswith("; did") else ""
    try:
        with torch.device("meta"):
            torchvision_network(model, None, pretrained=False)
        said = f"; did you mean 'torchvision:{model}'?"
    except NasError:
        pass  # the name is none of theirs
    return f"no architecture file or installed network {model!r}{said}; allowed: {allowed}"


def _check_built(architecture: ArchitectureSpec) -> None:
    """Raises NasError for a network that can't be built, or can't begin as it says.

    Published weights of another library are left to its training, which downloads them.
    """
    begun = begun_architecture(architecture)
    known = begun if begun.classes else begun.with_classes(("0", "1"))
    file = library_weights(known)
    try:
        with seeded(0, torch.device("cpu")):
            network = build_network(known, weights=file)
    except NasError as error:
        if error.key is not None or error.file is not None:
            raise
        raise NasError(error.problem, key="--teacher-model") from error
    if (found := load_beginning(known)) is not None:
        begin_from(found.network, known, network)


def _begun(architecture: ArchitectureSpec, weights: str) -> ArchitectureSpec:
    """The architecture with these weights to begin with, a file by its full path."""
    named = beginning_with(architecture, weights).begin
    begin = None if named is None else in_full(named)
    facts = architecture.provenance
    if architecture.model is not None and weights == HUB:
        facts = facts.joined(Provenance(pretrained=True))
    return replace(architecture, begin=begin, provenance=facts)

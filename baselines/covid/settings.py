"""Settings that both baselines of chest X-rays share, and folds."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import field_serializer

from nas.data.xray.preprocess import XrayPreprocess
from nas.data.xray.source import find_xray_source
from nas.errors import NasError
from nas.model.weights import HUB
from nas.spec.architecture import load_architecture
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.provenance import Provenance
from nas.spec.training import TrainingSpec
from nas.spec.validate import Frozen
from nas.tasks.registry import task_named
from nas.train.plan import resolve_training
from nas.train.source import checked_fold, groups_of, source_of

Task = Literal["covid-study", "covid-detection"]


class XrayBaselineSettings(Frozen):
    """Settings of the runs of a baseline on any fold."""

    baseline: str
    """The command that wrote it: each has a literal of its own."""
    folds: tuple[int, ...] = ()
    """In the order of training; empty for a single one."""
    input: InputSpec
    preprocess: XrayPreprocess
    provenance: Provenance
    """Data and splits of the network whose inputs these are."""
    training: TrainingSpec
    """Resolved by the task."""
    data: Path | None
    """Null is the built-in set."""
    groups: Path | None
    strict: bool
    pretrained: bool
    """Whether it begins with its library's weights."""
    weights: str | None = None
    """File of its library's weights, or finished run, that it begins with in their place."""
    threads: int
    """Cores that PyTorch uses."""

    @property
    def has_weights(self) -> bool:
        """Whether it does not begin at random."""
        return self.pretrained or self.weights is not None

    @field_serializer("preprocess")
    def _unmeasured_is_unsaid(self, preprocess: XrayPreprocess) -> dict[str, Any]:
        unknown = set() if preprocess.says_normalisation else {"mean", "std"}
        return preprocess.model_dump(mode="json", exclude=unknown)


@dataclass(frozen=True)
class XrayRequest:
    """A request to either baseline; None leaves a setting to the network's own."""

    training: TrainingSpec
    """The baseline's own, or those of `training_file`."""
    threads: int
    training_file: Path | None = None
    weights: str | None = None
    """What it begins with, `hub` or a file of its library's weights; None is random."""
    data: Path | None = None
    """None is what `inputs_of` names, else the built-in set."""
    groups: Path | None = None
    strict: bool = False
    fold: int | None = None
    """The one that is the test split."""
    folds: str | None = None
    """Several that are trained one after the other, as `0,1,2`."""
    input: InputSpec | None = None
    inputs_of: Path | None = None
    """Architecture file whose input, preprocessing, data and splits are used."""


def chosen_folds(request: XrayRequest, task: Task, source: Path | None) -> tuple[int, ...]:
    """The folds of `request.folds`; none without it. Raises NasError where the data have none."""
    if request.folds is None:
        return ()
    if request.fold is not None:
        raise NasError("give --fold K or --folds K,L,..., one of them", key="--folds")
    if source is not None and find_xray_source(source).test is not None:
        raise NasError("the data have a test split of their own: leave out --folds", file=source)
    return parse_folds(request.folds, task_named(task).folds)


def parse_folds(text: str, count: int) -> tuple[int, ...]:
    """The two or more folds of `0,1,2`, in that order, of 0 to `count` - 1. Raises NasError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,3}", part) for part in parts):
        raise NasError(f"{text!r} is no list of folds; write them as in 0,1,2", key="--folds")
    folds = tuple(map(int, parts))
    if len(folds) < 2:
        raise NasError("names one fold: give two or more, or --fold", key="--folds")
    for index, fold in enumerate(folds):
        if fold >= count:
            raise NasError(f"there is no fold {fold}; allowed: 0 to {count - 1}", key="--folds")
        if fold in folds[:index]:
            raise NasError(f"fold {fold} is given twice", key="--folds")
    return folds


def shared_settings(
    request: XrayRequest, task: Task, size: InputSpec, preprocess: XrayPreprocess, facts: Provenance
) -> XrayBaselineSettings:
    """Resolved settings of both baselines, at an input with its preprocessing.

    `facts` are of the network whose inputs these are. Raises NasError for whatever is wrong.
    """
    preprocess, facts = on_fold(preprocess, facts, checked_fold(task_named(task), request.fold))
    known = ArchitectureSpec(name=task, input=size, task=task, provenance=facts)
    source = source_of(known, request.data)
    return XrayBaselineSettings(
        baseline=task,
        folds=chosen_folds(request, task, source),
        input=size,
        preprocess=preprocess,
        provenance=facts,
        training=resolve_training(
            request.training, task, built_in=source is None, file=request.training_file
        ),
        data=source,
        groups=groups_of(known, source, request.groups),
        strict=request.strict,
        pretrained=request.weights == HUB,
        weights=None if request.weights == HUB else request.weights,
        threads=request.threads,
    )


def inputs_of(file: Path) -> tuple[InputSpec, XrayPreprocess, Provenance]:
    """Input and preprocessing of another network, and the data and splits that it was found on.

    Raises NasError for one that is not of X-rays.
    """
    like = load_architecture(file)
    if not isinstance(like.preprocess, XrayPreprocess):
        raise NasError("has no settings of X-rays to take", file=file, key="preprocess")
    return like.input, like.preprocess, like.provenance.split_facts()


def on_fold(
    preprocess: XrayPreprocess, facts: Provenance, fold: int | None
) -> tuple[XrayPreprocess, Provenance]:
    """Preprocessing and facts on the splits that a fold means; None leaves them.

    On other splits mean and std are unsaid: they know what is tested now.
    """
    if fold is None:
        return preprocess, facts
    if facts.other_splits(fold):
        preprocess = preprocess.unmeasured()
    return preprocess, facts.on_splits(fold)

"""What the flags of `nas baseline covid-study` ask for."""

from typing import Any

from baselines.covid.settings import (
    chosen_folds,
    input_of_flag,
    inputs_of,
    on_fold,
    training_of_flags,
)
from baselines.covid.study_plan import TASK, StudySettings
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.provenance import Provenance


def settings_from_flags(flags: dict[str, Any]) -> StudySettings:
    """What the flags ask for: a classifier that can be built.

    Raises NasError for whatever is wrong, before a folder is made.
    """
    from baselines.covid.classifiers import backbone_named, study_training
    from nas.tasks.registry import task_named
    from nas.train.device import default_threads
    from nas.train.source import checked_fold, groups_of, source_of

    backbone, task = backbone_named(flags["backbone"]), task_named(TASK)
    size, preprocess, facts = _inputs(flags)
    preprocess, facts = on_fold(preprocess, facts, checked_fold(task, flags["fold"]))
    known = ArchitectureSpec(name=backbone.name, input=size, task=TASK, provenance=facts)
    source = source_of(known, flags["data"])
    settings = StudySettings(
        folds=chosen_folds(flags, TASK, source),
        steps=3 if flags["steps"] == "3" else 1,
        aux_weight=_aux_weight(flags),
        backbone=backbone.name,
        pretrained=flags["pretrained"],
        input=size,
        preprocess=preprocess,
        provenance=facts,
        training=training_of_flags(
            flags, study_training(pretrained=flags["pretrained"]), TASK, source
        ),
        data=source,
        groups=groups_of(known, source, flags["groups"]),
        strict=flags["strict"],
        threads=flags["threads"] or default_threads(),
    )
    task.check_architecture(settings.architecture)
    _try_out(settings)
    return settings


def _aux_weight(flags: dict[str, Any]) -> float | None:
    from baselines.covid.classifiers import AUX_WEIGHT

    given: float | None = flags["aux_weight"]
    if flags["steps"] == "3":
        return AUX_WEIGHT if given is None else given
    if given is not None:
        raise NasError("only a student has an auxiliary loss: give --steps 3", key="--aux-weight")
    return None


def _try_out(settings: StudySettings) -> None:
    """Build the network once, with its weights. Raises NasError where that is not possible."""
    import torch

    from nas.model.build import build_network

    with torch.device("cpu" if settings.pretrained else "meta"):
        build_network(settings.architecture, pretrained=settings.pretrained)


def _inputs(flags: dict[str, Any]) -> tuple[InputSpec, XrayPreprocess, Provenance]:
    """Input and preprocessing of the flags, or of another network; and where that comes from.

    A grey network's plane is shown to all three channels of a backbone.
    """
    from baselines.covid.classifiers import INPUT

    size, preprocess, facts = INPUT, XrayPreprocess(labels="study"), Provenance()
    if flags["inputs_of"] is not None:
        size, preprocess, facts = inputs_of(flags["inputs_of"])
        size = size.model_copy(update={"channels": INPUT.channels})
        if preprocess.labels == "boxes":
            preprocess = preprocess.model_copy(update={"labels": "study"})
    if flags["labels"] is not None:
        preprocess = preprocess.model_copy(update={"labels": flags["labels"]})
    if flags["input"] is not None:
        size = input_of_flag(flags["input"])
    return size, preprocess, facts

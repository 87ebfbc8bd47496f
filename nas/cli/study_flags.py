"""What the flags of `nas baseline covid-study` ask for."""

from pathlib import Path
from typing import Any

from pydantic import JsonValue

from nas.cli.study_plan import TASK, StudySettings, on_fold
from nas.errors import NasError
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.preprocess import XrayPreprocess
from nas.spec.training import TrainingSpec


def settings_from_flags(flags: dict[str, Any]) -> StudySettings:
    """What the flags ask for: a classifier that can be built.

    Raises NasError for whatever is wrong, before a folder is made.
    """
    from baselines.covid.backbones import backbone_named
    from nas.cli.data_flags import checked_fold
    from nas.tasks.registry import task_named
    from nas.train.device import default_threads
    from nas.train.source import groups_of, source_of

    backbone, task = backbone_named(flags["backbone"]), task_named(TASK)
    size, preprocess, facts = _inputs(flags)
    facts = on_fold(facts, checked_fold(task, flags["fold"]))
    known = ArchitectureSpec(name=backbone.name, input=size, task=TASK, provenance=facts)
    source = source_of(known, flags["data"])
    settings = StudySettings(
        folds=_folds(flags, source),
        steps=3 if flags["steps"] == "3" else 1,
        aux_weight=_aux_weight(flags),
        backbone=backbone.name,
        pretrained=flags["pretrained"],
        input=size,
        preprocess=preprocess,
        provenance=facts,
        training=_training(flags, built_in=source is None),
        data=source,
        groups=groups_of(known, source, flags["groups"]),
        strict=flags["strict"],
        threads=flags["threads"] or default_threads(),
    )
    task.check_architecture(settings.architecture)
    _try_out(settings)
    return settings


def _aux_weight(flags: dict[str, Any]) -> float | None:
    from baselines.covid.study_settings import AUX_WEIGHT

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


def _folds(flags: dict[str, Any], source: Path | None) -> tuple[int, ...]:
    """The folds of `--folds`; none without. Raises NasError where the data have none."""
    from nas.cli.baseline_folds import parse_folds
    from nas.data.xray_source import find_xray_source
    from nas.tasks.registry import task_named

    key = "--fold" if flags["folds"] is None else "--folds"
    if flags["folds"] is None and flags["fold"] is None:
        return ()
    if source is None:
        raise NasError("the built-in X-rays are divided in one way: give --data", key=key)
    if flags["folds"] is None:
        return ()
    if flags["fold"] is not None:
        raise NasError("give --fold K or --folds K,L,..., one of them", key=key)
    if find_xray_source(source).test is not None:
        raise NasError(f"the data have a test split of their own: leave out {key}", file=source)
    return parse_folds(flags["folds"], task_named(TASK).folds)


def _inputs(flags: dict[str, Any]) -> tuple[InputSpec, XrayPreprocess, dict[str, JsonValue]]:
    """Input and preprocessing of the flags, or of another network; and where that comes from.

    A grey network's plane is shown to all three channels of a backbone.
    """
    from baselines.covid.study_settings import INPUT
    from nas.cli.input_shape import parse_input_shape
    from nas.spec.architecture import load_architecture

    size, preprocess = INPUT, XrayPreprocess(labels="study")
    facts: dict[str, JsonValue] = {}
    if flags["inputs_of"] is not None:
        like = load_architecture(flags["inputs_of"])
        if not isinstance(like.preprocess, XrayPreprocess):
            raise NasError(
                "has no settings of X-rays to take", file=flags["inputs_of"], key="preprocess"
            )
        size = like.input.model_copy(update={"channels": INPUT.channels})
        labels = "opacity" if like.preprocess.labels == "opacity" else "study"
        preprocess = like.preprocess.model_copy(update={"labels": labels})
        keys = ("data", "split_seed", "made_digest", "groups")
        facts = {key: like.provenance[key] for key in keys if key in like.provenance}
    if flags["labels"] is not None:
        preprocess = preprocess.model_copy(update={"labels": flags["labels"]})
    if flags["input"] is not None:
        channels, height, width = parse_input_shape(flags["input"])
        size = InputSpec(channels=channels, height=height, width=width)
    return size, preprocess, facts


def _training(flags: dict[str, Any], *, built_in: bool) -> TrainingSpec:
    """A file's settings or the baseline's own, with the flags in their place."""
    from baselines.covid.study_settings import study_training
    from nas.cli.training_flags import training_from_flags
    from nas.spec.training import load_training

    file = flags["training"]
    own = study_training(pretrained=flags["pretrained"])
    base = own if file is None else load_training(file)
    without_cycles = {**flags, "cycles": None, "threshold": None}
    return training_from_flags(base, file, without_cycles, TASK, built_in=built_in)

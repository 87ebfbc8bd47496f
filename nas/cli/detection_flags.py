"""What the flags of `nas baseline covid-detection` ask for."""

from typing import Any

from baselines.covid.detection_plan import TASK, DetectionSettings
from baselines.covid.settings import (
    chosen_folds,
    input_of_flag,
    inputs_of,
    on_fold,
    training_of_flags,
)
from nas.data.xray.preprocess import XrayPreprocess
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.provenance import Provenance


def settings_from_flags(flags: dict[str, Any]) -> DetectionSettings:
    """What the flags ask for: a detector that can be built and, if asked for, filled.

    Raises NasError for whatever is wrong, before a folder is made.
    """
    from baselines.covid.detectors import detection_training, detector_named
    from nas.tasks.registry import task_named
    from nas.train.device import default_threads
    from nas.train.source import checked_fold, groups_of, source_of

    detector = detector_named(flags["model"])
    size, preprocess, facts = _inputs(flags)
    fold = checked_fold(task_named(TASK), flags["fold"])
    preprocess, facts = on_fold(preprocess, facts, fold)
    known = ArchitectureSpec(name=detector.name, input=size, task=TASK, provenance=facts)
    source = source_of(known, flags["data"])
    backbone = flags["backbone_from"]
    has_weights = flags["pretrained"] or backbone is not None
    settings = DetectionSettings(
        folds=chosen_folds(flags, TASK, source),
        model=detector.name,
        input=size,
        preprocess=preprocess,
        provenance=facts,
        training=training_of_flags(
            flags, detection_training(has_weights=has_weights), TASK, source
        ),
        data=source,
        groups=groups_of(known, source, flags["groups"]),
        strict=flags["strict"],
        pretrained=flags["pretrained"],
        backbone_from=None if backbone is None else backbone.resolve(),
        threads=flags["threads"] or default_threads(),
    )
    _try_out(settings)
    return settings


def _inputs(flags: dict[str, Any]) -> tuple[InputSpec, XrayPreprocess, Provenance]:
    """Input and preprocessing of the flags, or of another network; and where that comes from."""
    from baselines.covid.detectors import INPUT

    size, preprocess, facts = INPUT, XrayPreprocess(labels="boxes"), Provenance()
    if flags["inputs_of"] is not None:
        size, preprocess, facts = inputs_of(flags["inputs_of"])
        preprocess = preprocess.model_copy(update={"labels": "boxes"})
    if flags["input"] is not None:
        given = input_of_flag(flags["input"])
        if given.channels != size.channels:  # mean and std are by channel
            preprocess = XrayPreprocess(interpolation=preprocess.interpolation, labels="boxes")
        size = given
    return size, preprocess, facts


def _try_out(settings: DetectionSettings) -> None:
    """Build the network once, with its weights, those of each fold's classifier in turn.

    Raises NasError where that is not possible, or where it would leak.
    """
    from nas.model.build import build_network
    from nas.tasks.registry import task_named
    from nas.train.backbone import load_backbone

    architecture = settings.architecture
    task_named(architecture.task).check_architecture(architecture)
    network = build_network(architecture, pretrained=settings.pretrained)
    for fold in settings.folds or (None,):
        if (run := settings.backbone_on(fold)) is not None:
            load_backbone(network, run)

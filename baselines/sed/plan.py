"""The training run of a big backbone of sounds, before its data are read."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from baselines.sed.backbones import INPUT, backbone_named, baseline_architecture
from nas.data.audio.augment import SpectrogramAugmentSpec
from nas.data.audio.preprocess import MelPreprocess
from nas.errors import NasError
from nas.model.weights import HUB
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.spec.definition import InputSpec
from nas.spec.provenance import Provenance
from nas.spec.training import TrainingSpec
from nas.tasks.registry import task_named
from nas.tasks.sed.losses import KnownLabelLossSpec
from nas.train.begin import with_library_weights
from nas.train.plan import RunPlan, new_plan, resolve_training
from nas.train.source import source_of

TASK = "sed"


@dataclass(frozen=True)
class SedBaselineSettings:
    """What is asked of a training; None leaves it to the backbone's own settings."""

    backbone: str
    """One of `baselines.sed.backbones.BACKBONES`."""
    training: TrainingSpec
    """The pipeline's own, or those of `training_file`."""
    training_file: Path | None = None
    focal: bool | None = None
    """Whether the loss has its focal form."""
    positive_decay: float | None = None
    """Within a batch, weight of each further positive of a class, over 0 and up to 1."""
    mixup: Literal["none", "input", "last_layer"] | None = None
    inputs_of: Path | None = None
    """Architecture file whose input, mel settings, data and splits are used."""
    input: InputSpec | None = None
    overlap_frames: int | None = None
    """Frames that neighbouring windows share."""
    cbam: bool = False
    """Channel and spatial attention before the head."""
    weights: str | None = None
    """What it begins with: `hub`, timm's published weights, or a file of them; None is random."""
    data: Path | None = None
    """None is what `inputs_of` names, else the built-in set."""
    groups: Path | None = None
    strict: bool = False


def sed_plan(settings: SedBaselineSettings, out: Path | None, threads: int) -> RunPlan:
    """The run in a new folder, `out` or `runs/NAME-baseline`.

    Raises NasError for whatever is wrong, before a folder is made.
    """
    architecture = _architecture(settings)
    training = resolve_training(
        settings.training,
        TASK,
        built_in=source_of(architecture, settings.data) is None,
        file=settings.training_file,
    )
    plan = new_plan(
        architecture,
        data=settings.data,
        training=_with_practices(training, settings),
        groups=settings.groups,
        strict=settings.strict,
        pretrained=settings.weights == HUB,
        threads=threads,
        out=out,
        name=f"{architecture.name}-baseline",
    )
    return replace(plan, same_splits=True)


def _architecture(settings: SedBaselineSettings) -> ArchitectureSpec:
    """The backbone at the input, mel settings and split that the settings, or another network,
    say."""
    like = None if settings.inputs_of is None else load_architecture(settings.inputs_of)
    size, preprocess, facts = INPUT, MelPreprocess(), Provenance()
    if like is not None:
        if not isinstance(like.preprocess, MelPreprocess):
            raise NasError("has no mel settings to take", file=settings.inputs_of, key="preprocess")
        size, preprocess, facts = like.input, like.preprocess, like.provenance.split_facts()
    if settings.overlap_frames is not None:
        changed = {**dict(preprocess), "overlap_frames": settings.overlap_frames}
        preprocess = MelPreprocess.model_validate(changed)
    architecture = baseline_architecture(
        backbone_named(settings.backbone), settings.input or size, preprocess, cbam=settings.cbam
    )
    task_named(TASK).check_architecture(architecture)
    architecture = replace(architecture, provenance=facts)
    return with_library_weights(architecture, settings.weights)


def _with_practices(training: TrainingSpec, settings: SedBaselineSettings) -> TrainingSpec:
    """The resolved settings with the loss and the mixing that are asked for."""
    loss, augment = training.loss, training.augment
    assert isinstance(loss, KnownLabelLossSpec)  # as resolved
    assert isinstance(augment, SpectrogramAugmentSpec)
    if settings.focal is not None:
        kind = "known_focal" if settings.focal else "known_bce"
        loss = loss.model_copy(update={"kind": kind})
    if settings.positive_decay is not None:
        loss = loss.model_copy(update={"positive_decay": settings.positive_decay})
    if settings.mixup is not None:
        augment = augment.model_copy(update={"mixup": settings.mixup})
    return training.model_copy(update={"loss": loss, "augment": augment})

"""From the flags of `nas baseline sed` to a training run."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec
    from nas.spec.training import TrainingSpec
    from nas.train.plan import RunPlan


def baseline_plan(flags: dict[str, Any]) -> "RunPlan":
    """The run that the flags of `nas baseline sed` ask for, in a new folder."""
    from nas.runs.folder import new_run_folder
    from nas.train.plan import RunPlan
    from nas.train.source import groups_of, source_of

    architecture = _architecture(flags)
    source = source_of(architecture, flags["data"])
    return RunPlan(
        architecture=architecture,
        training=_training(flags, built_in=source is None),
        source=source,
        groups=groups_of(architecture, source, flags["groups"]),
        same_splits=True,
        strict=flags["strict"],
        pretrained=flags["pretrained"],
        folder=new_run_folder(flags["out"], f"{architecture.name}-baseline"),  # last, as it stays
    )


def _architecture(flags: dict[str, Any]) -> "ArchitectureSpec":
    """The backbone at the input, mel settings and split that the flags, or another network, say."""
    from baselines.sed.backbones import INPUT, backbone_named, baseline_architecture
    from nas.cli.input_shape import parse_input_shape
    from nas.cli.overrides import updated
    from nas.data.audio.preprocess import MelPreprocess
    from nas.spec.architecture import load_architecture
    from nas.spec.definition import InputSpec
    from nas.spec.provenance import Provenance
    from nas.tasks.registry import task_named

    size, preprocess = INPUT, MelPreprocess()
    facts = Provenance()
    if flags["inputs_of"] is not None:
        like = load_architecture(flags["inputs_of"])
        if not isinstance(like.preprocess, MelPreprocess):
            raise NasError("has no mel settings to take", file=flags["inputs_of"], key="preprocess")
        size, preprocess, facts = like.input, like.preprocess, like.provenance.split_facts()
    if flags["input"] is not None:
        channels, height, width = parse_input_shape(flags["input"])
        size = InputSpec(channels=channels, height=height, width=width)
    if flags["overlap"] is not None:
        preprocess = updated(preprocess, {"overlap_frames": flags["overlap"]}, "overlap_frames")
    backbone = backbone_named(flags["backbone"])
    architecture = baseline_architecture(backbone, size, preprocess, cbam=flags["cbam"])
    task_named(architecture.task).check_architecture(architecture)
    return replace(architecture, provenance=facts)


def _training(flags: dict[str, Any], *, built_in: bool) -> "TrainingSpec":
    """A file's settings or the pipeline's own, with the flags in their place."""
    from baselines.sed.backbones import BEST_PRACTICE, PLAIN
    from nas.cli.training_flags import training_from_flags
    from nas.spec.training import load_training

    file = flags["training"]
    if file is not None and flags["best_practice"]:
        raise NasError("give --training or --best-practice, one of them")
    base = BEST_PRACTICE if flags["best_practice"] else PLAIN
    if file is not None:
        base = load_training(file)
    training = training_from_flags(base, file, flags, "sed", built_in=built_in)
    return _with_practices(training, flags)


def _with_practices(training: "TrainingSpec", flags: dict[str, Any]) -> "TrainingSpec":
    """The settings with the flags of loss and mixing in their place."""
    from nas.cli.overrides import updated
    from nas.data.audio.augment import SpectrogramAugmentSpec
    from nas.tasks.sed.losses import KnownLabelLossSpec

    loss, augment = training.loss, training.augment
    assert isinstance(loss, KnownLabelLossSpec)  # as resolved
    assert isinstance(augment, SpectrogramAugmentSpec)
    if flags["focal"] is not None:
        loss = updated(loss, {"kind": "known_focal" if flags["focal"] else "known_bce"}, "kind")
    loss = updated(loss, flags, "positive_decay")
    augment = updated(augment, flags, "mixup")
    return training.model_copy(update={"loss": loss, "augment": augment})

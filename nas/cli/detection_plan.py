"""From the flags of `nas baseline covid-detection` to its training runs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import JsonValue, field_serializer

from nas.cli.run_plan import RunPlan
from nas.errors import NasError
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.frozen import Frozen
from nas.spec.preprocess import XrayPreprocess
from nas.spec.training import TrainingSpec
from nas.train.cycles import CHECKPOINT_FILE

if TYPE_CHECKING:
    from torch import nn


class DetectionSettings(Frozen):
    """All that decides the runs of a detector but the fold, before data are read."""

    baseline: Literal["covid-detection"] = "covid-detection"
    """The command that wrote it."""
    folds: tuple[int, ...] = ()
    """In the order of training; empty for a single run."""
    model: str
    """One of `baselines.covid.detectors.DETECTORS`."""
    input: InputSpec
    preprocess: XrayPreprocess
    provenance: dict[str, JsonValue]
    """Data and splits of the network whose inputs these are."""
    training: TrainingSpec
    """Settled by the task."""
    data: Path | None
    """Null is the built-in set."""
    groups: Path | None
    strict: bool
    pretrained: bool
    """Whether it begins with its library's weights."""
    backbone_from: Path | None
    """Finished run with whose weights its backbone begins."""
    threads: int
    """Cores that PyTorch uses."""

    @field_serializer("preprocess")
    def _unmeasured_is_unsaid(self, preprocess: XrayPreprocess) -> dict[str, Any]:
        unknown = set() if preprocess.says_normalisation else {"mean", "std"}
        return preprocess.model_dump(mode="json", exclude=unknown)

    @property
    def architecture(self) -> ArchitectureSpec:
        """The detector, on the splits of the network whose inputs it has."""
        from baselines.covid.detectors import detector_architecture, detector_named

        whole = detector_architecture(detector_named(self.model), self.input, self.preprocess)
        return replace(whole, provenance=self.provenance)


def settings_from_flags(flags: dict[str, Any], folds: tuple[int, ...] = ()) -> DetectionSettings:
    """What the flags ask for: a detector that can be built and, if asked for, filled.

    Raises NasError for whatever is wrong, before a folder is made.
    """
    from baselines.covid.detectors import detector_named
    from nas.train.device import default_threads
    from nas.train.source import groups_of, source_of

    detector = detector_named(flags["model"])
    size, preprocess, facts = _inputs(flags)
    known = ArchitectureSpec(
        name=detector.name, input=size, task="covid-detection", provenance=facts
    )
    source = source_of(known, flags["data"])
    backbone = flags["backbone_from"]
    settings = DetectionSettings(
        folds=folds,
        model=detector.name,
        input=size,
        preprocess=preprocess,
        provenance=facts,
        training=_training(flags, built_in=source is None),
        data=source,
        groups=groups_of(known, source, flags["groups"]),
        strict=flags["strict"],
        pretrained=flags["pretrained"],
        backbone_from=None if backbone is None else backbone.resolve(),
        threads=flags["threads"] or default_threads(),
    )
    _try_out(settings)
    return settings


def detection_plan(settings: DetectionSettings, fold: int | None, folder: Path) -> RunPlan:
    """The run on one fold, None is that of the settings, in a new folder."""
    architecture = settings.architecture
    facts = dict(architecture.provenance)
    if fold is not None and fold != facts.get("split_seed", 0):
        facts.pop("made_digest", None)  # of other splits
    if fold is not None:
        facts["split_seed"] = fold
    return RunPlan(
        folder=folder,
        architecture=replace(architecture, provenance=facts),
        training=settings.training,
        source=settings.data,
        groups=settings.groups,
        strict=settings.strict,
        pretrained=settings.pretrained,
        backbone_from=settings.backbone_from,
        same_splits=True,
        threads=settings.threads,
    )


def begin_of(plan: RunPlan) -> "Callable[[nn.Module], None] | None":
    """What fills a new network's backbone as the plan says.

    None where it says nothing, and where a checkpoint holds the weights already: a run that was
    stopped before its first begins with them once more.
    """
    run = plan.backbone_from
    if run is None or (plan.folder / CHECKPOINT_FILE).exists():
        return None

    def fill(network: "nn.Module") -> None:
        from baselines.covid.backbone_weights import load_backbone

        load_backbone(network, run)

    return fill


def _inputs(flags: dict[str, Any]) -> tuple[InputSpec, XrayPreprocess, dict[str, JsonValue]]:
    """Input and preprocessing of the flags, or of another network; and where that comes from."""
    from baselines.covid.detectors import INPUT
    from nas.cli.input_shape import parse_input_shape
    from nas.spec.architecture import load_architecture

    size, preprocess = INPUT, XrayPreprocess(labels="boxes")
    facts: dict[str, JsonValue] = {}
    if flags["inputs_of"] is not None:
        like = load_architecture(flags["inputs_of"])
        if not isinstance(like.preprocess, XrayPreprocess):
            raise NasError(
                "has no settings of X-rays to take", file=flags["inputs_of"], key="preprocess"
            )
        size = like.input
        preprocess = like.preprocess.model_copy(update={"labels": "boxes"})
        keys = ("data", "split_seed", "made_digest", "groups")
        facts = {key: like.provenance[key] for key in keys if key in like.provenance}
    if flags["input"] is not None:
        channels, height, width = parse_input_shape(flags["input"])
        if channels != size.channels:  # mean and deviation are by channel
            preprocess = XrayPreprocess(interpolation=preprocess.interpolation, labels="boxes")
        size = InputSpec(channels=channels, height=height, width=width)
    return size, preprocess, facts


def _training(flags: dict[str, Any], *, built_in: bool) -> TrainingSpec:
    """A file's settings or the detectors' own, with the flags in their place."""
    from baselines.covid.detection_settings import detection_training
    from nas.cli.training_flags import training_from_flags
    from nas.spec.training import load_training

    file = flags["training"]
    has_weights = flags["pretrained"] or flags["backbone_from"] is not None
    base = detection_training(has_weights=has_weights) if file is None else load_training(file)
    without_cycles = {**flags, "cycles": None, "threshold": None}
    return training_from_flags(base, file, without_cycles, "covid-detection", built_in=built_in)


def _try_out(settings: DetectionSettings) -> None:
    """Build the network once, with its weights. Raises NasError where that is not possible."""
    from baselines.covid.backbone_weights import load_backbone
    from nas.model.build import build_network
    from nas.tasks.registry import task_named

    architecture = settings.architecture
    task_named(architecture.task).check_architecture(architecture)
    network = build_network(architecture, pretrained=settings.pretrained)
    if settings.backbone_from is not None:
        load_backbone(network, settings.backbone_from)

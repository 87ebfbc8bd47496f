"""The training runs of a big classifier, before any data are read."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue, field_serializer

from nas.cli.run_plan import RunPlan
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.frozen import Frozen
from nas.spec.preprocess import XrayPreprocess
from nas.spec.training import TrainingSpec
from nas.train.trained import TEACHER

TASK = "covid-study"


class StudySettings(Frozen):
    """All that decides the runs of a classifier but the fold, before data are read."""

    baseline: Literal["covid-study"] = "covid-study"
    """The command that wrote it."""
    folds: tuple[int, ...] = ()
    """In the order of training; empty for the one that `provenance` says."""
    steps: Literal[1, 3] = 1
    """1 is plain training, 3 the auxiliary one: teacher, student, fine-tuning."""
    aux_weight: float | None = None
    """Weight of the student's auxiliary loss; null where there is no student."""
    backbone: str
    """One of `baselines.covid.backbones.BACKBONES`."""
    pretrained: bool
    """Whether it begins with timm's weights."""
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
    threads: int
    """Cores that PyTorch uses."""

    @field_serializer("preprocess")
    def _unmeasured_is_unsaid(self, preprocess: XrayPreprocess) -> dict[str, Any]:
        unknown = set() if preprocess.says_normalisation else {"mean", "std"}
        return preprocess.model_dump(mode="json", exclude=unknown)

    @property
    def architecture(self) -> ArchitectureSpec:
        """The classifier, on the splits that `provenance` says."""
        from baselines.covid.backbones import backbone_named
        from baselines.covid.study_settings import study_architecture

        backbone = backbone_named(self.backbone)
        whole = study_architecture(
            backbone, self.input, self.preprocess, pretrained=self.pretrained
        )
        return replace(whole, provenance=self.provenance)


def study_plan(
    settings: StudySettings, fold: int | None, folder: Path, *, step: str | None = None
) -> RunPlan:
    """The run on one fold, None is that of the settings, in a new folder."""
    from baselines.covid.study_settings import teacher_training

    training, architecture = settings.training, settings.architecture
    return RunPlan(
        folder=folder,
        architecture=replace(architecture, provenance=on_fold(architecture.provenance, fold)),
        training=teacher_training(training) if step == TEACHER else training,
        source=settings.data,
        groups=settings.groups,
        strict=settings.strict,
        pretrained=settings.pretrained,
        same_splits=True,
        threads=settings.threads,
        step=step,
    )


def on_fold(facts: dict[str, JsonValue], fold: int | None) -> dict[str, JsonValue]:
    """Facts of the splits that a fold means; None leaves them."""
    if fold is None:
        return facts
    other = fold != facts.get("split_seed", 0)
    kept = {key: value for key, value in facts.items() if not (other and key == "made_digest")}
    return {**kept, "split_seed": fold}

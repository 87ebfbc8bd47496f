"""The training runs of a big classifier, before any data are read."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from nas.cli.run_data import AUX_WEIGHT
from nas.cli.run_plan import RunPlan
from nas.cli.xray_baseline import XrayBaselineSettings, on_fold
from nas.spec.definition import ArchitectureSpec
from nas.train.trained import TEACHER

STUDENT = "student"
TASK: Literal["covid-study"] = "covid-study"


class StudySettings(XrayBaselineSettings):
    """All that decides the runs of a classifier but the fold, before data are read."""

    baseline: Literal["covid-study"] = TASK
    """The command that wrote it."""
    steps: Literal[1, 3] = 1
    """1 is plain training, 3 the auxiliary one: teacher, student, fine-tuning."""
    aux_weight: float | None = None
    """Weight of the student's auxiliary loss; null where there is no student."""
    backbone: str
    """One of `baselines.covid.backbones.BACKBONES`."""

    @property
    def architecture(self) -> ArchitectureSpec:
        """The classifier, on the splits that `provenance` says."""
        return self.on_fold(None)

    def on_fold(self, fold: int | None) -> ArchitectureSpec:
        """The classifier on a fold's splits; None is that of `provenance`."""
        from baselines.covid.backbones import backbone_named
        from baselines.covid.study_settings import study_architecture

        backbone = backbone_named(self.backbone)
        preprocess, facts = on_fold(self.preprocess, self.provenance, fold)
        whole = study_architecture(backbone, self.input, preprocess, pretrained=self.pretrained)
        return replace(whole, provenance=facts)


def study_plan(
    settings: StudySettings, fold: int | None, folder: Path, *, step: str | None = None
) -> RunPlan:
    """The run on one fold, None is that of the settings, in a new folder."""
    from baselines.covid.study_settings import teacher_training

    training, architecture = settings.training, settings.on_fold(fold)
    if step == STUDENT:
        facts = {**architecture.provenance, AUX_WEIGHT: settings.aux_weight}
        architecture = replace(architecture, provenance=facts)
    return RunPlan(
        folder=folder,
        architecture=architecture,
        training=teacher_training(training) if step == TEACHER else training,
        source=settings.data,
        groups=settings.groups,
        strict=settings.strict,
        pretrained=settings.pretrained,
        same_splits=True,
        threads=settings.threads,
        step=step,
    )

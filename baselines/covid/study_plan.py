"""Classifier baseline: its settings, and the plan of each run."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from baselines.covid.classifiers import (
    AUX_WEIGHT,
    INPUT,
    backbone_named,
    study_architecture,
    teacher_training,
)
from baselines.covid.settings import (
    XrayBaselineSettings,
    XrayRequest,
    inputs_of,
    on_fold,
    shared_settings,
)
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.model.build import build_network
from nas.spec.definition import ArchitectureSpec
from nas.spec.provenance import Provenance
from nas.tasks.registry import task_named
from nas.train.plan import RunPlan
from nas.train.trained import TEACHER

STUDENT = "student"
TASK: Literal["covid-study"] = "covid-study"


class StudySettings(XrayBaselineSettings):
    """Settings of the runs of a classifier on any fold."""

    baseline: Literal["covid-study"] = TASK
    """The command that wrote it."""
    steps: Literal[1, 3] = 1
    """1 is plain training, 3 the auxiliary one: teacher, student, fine-tuning."""
    aux_weight: float | None = None
    """Weight of the student's auxiliary loss; null where there is no student."""
    backbone: str
    """One of `baselines.covid.classifiers.BACKBONES`."""

    @property
    def architecture(self) -> ArchitectureSpec:
        """The classifier, on the splits that `provenance` says."""
        return self.on_fold(None)

    def on_fold(self, fold: int | None) -> ArchitectureSpec:
        """The classifier on a fold's splits; None is that of `provenance`."""
        backbone = backbone_named(self.backbone)
        preprocess, facts = on_fold(self.preprocess, self.provenance, fold)
        whole = study_architecture(backbone, self.input, preprocess, pretrained=self.pretrained)
        return replace(whole, provenance=facts)


def study_settings(
    request: XrayRequest,
    backbone: str,
    *,
    steps: Literal[1, 3] = 1,
    aux_weight: float | None = None,
    labels: str | None = None,
) -> StudySettings:
    """Resolved settings of a request for a classifier that can be built.

    `labels` None are those of the network whose inputs are used, else the study's classes. A grey
    network's plane is shown to all three channels of a backbone.
    Raises NasError for whatever is wrong, before a folder is made.
    """
    chosen = backbone_named(backbone)
    size, preprocess, facts = INPUT, XrayPreprocess(labels="study"), Provenance()
    if request.inputs_of is not None:
        size, preprocess, facts = inputs_of(request.inputs_of)
        size = size.model_copy(update={"channels": INPUT.channels})
        if preprocess.labels == "boxes":
            preprocess = preprocess.model_copy(update={"labels": "study"})
    if labels is not None:
        if labels not in (known := task_named(TASK).label_kinds):
            raise NasError(f"no labels {labels!r}; allowed: {', '.join(known)}", key="--labels")
        preprocess = preprocess.model_copy(update={"labels": labels})
    shared = shared_settings(request, TASK, request.input or size, preprocess, facts)
    settings = StudySettings(
        **dict(shared),
        steps=steps,
        aux_weight=_aux_weight(steps, aux_weight),
        backbone=chosen.name,
    )
    task_named(TASK).check_architecture(settings.architecture)
    with torch.device("cpu" if settings.pretrained else "meta"):  # try it out
        build_network(settings.architecture, pretrained=settings.pretrained)
    return settings


def _aux_weight(steps: int, given: float | None) -> float | None:
    """The student's, where there is one."""
    if steps == 3:
        return AUX_WEIGHT if given is None else given
    if given is not None:
        raise NasError("only a student has an auxiliary loss: give --steps 3", key="--aux-weight")
    return None


def study_plan(
    settings: StudySettings, fold: int | None, folder: Path, *, step: str | None = None
) -> RunPlan:
    """The run on one fold, None is that of the settings, in a new folder."""
    training, architecture = settings.training, settings.on_fold(fold)
    if step == STUDENT:
        facts = architecture.provenance.joined(Provenance(aux_weight=settings.aux_weight))
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

"""The training runs of a big classifier, before any data are read."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from baselines.covid.folds import finish_run
from baselines.covid.settings import XrayBaselineSettings, on_fold
from nas.report.lines import Say
from nas.spec.definition import ArchitectureSpec
from nas.spec.provenance import Provenance
from nas.tasks.base import Task
from nas.train.plan import RunPlan
from nas.train.trained import TEACHER, WEIGHTS_FILE

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
    """One of `baselines.covid.classifiers.BACKBONES`."""

    @property
    def architecture(self) -> ArchitectureSpec:
        """The classifier, on the splits that `provenance` says."""
        return self.on_fold(None)

    def on_fold(self, fold: int | None) -> ArchitectureSpec:
        """The classifier on a fold's splits; None is that of `provenance`."""
        from baselines.covid.classifiers import backbone_named, study_architecture

        backbone = backbone_named(self.backbone)
        preprocess, facts = on_fold(self.preprocess, self.provenance, fold)
        whole = study_architecture(backbone, self.input, preprocess, pretrained=self.pretrained)
        return replace(whole, provenance=facts)


def study_plan(
    settings: StudySettings, fold: int | None, folder: Path, *, step: str | None = None
) -> RunPlan:
    """The run on one fold, None is that of the settings, in a new folder."""
    from baselines.covid.classifiers import teacher_training

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


STEPS = {
    TEACHER: "a teacher, trained and measured on images that are black outside their boxes",
    STUDENT: "a student, its feature maps drawn towards the teacher's",
    "fine-tuning": "the student, trained on without the teacher",
}
"""What is done in the folders step-1 to step-3, in words."""


def step_folder(out: Path, number: int) -> Path:
    """Where a step's run is; `number` from 1."""
    return out / f"step-{number}"


def final_run(settings: StudySettings, out: Path) -> Path:
    """The run that counts of those in a fold's folder."""
    return out if settings.steps == 1 else step_folder(out, settings.steps)


def run_fold(
    settings: StudySettings, device: torch.device, fold: int | None, out: Path, *, say: Say
) -> Path:
    """Do what is left of a fold, None is that of the settings; the finished run that counts."""
    if settings.steps == 1:
        carry = partial(_carry_out, settings, device, say=say)
        return finish_run(out, partial(study_plan, settings, fold), carry, say=say)
    for number, (step, words) in enumerate(STEPS.items(), start=1):
        if number > 1:
            say("")
        say(f"step {number} of {len(STEPS)}: {words}")
        finish_run(
            step_folder(out, number),
            partial(study_plan, settings, fold, step=step),
            partial(_carry_out_step, settings, device, step, out, say=say),
            say=say,
        )
    return final_run(settings, out)


def _carry_out_step(
    settings: StudySettings, device: torch.device, step: str, out: Path, plan: RunPlan, *, say: Say
) -> None:
    """Train one of `STEPS` with what those before it left in `out`."""
    from baselines.covid.student import StudentTask
    from baselines.covid.teacher import TeacherTask, load_teacher
    from nas.train.weights import load_weights

    task: Task[Any] | None = None
    begin: Callable[[nn.Module], None] | None = None
    if step == TEACHER:
        task = TeacherTask()
    elif step == STUDENT:
        assert settings.aux_weight is not None  # as resolved
        task = StudentTask(load_teacher(step_folder(out, 1), device), settings.aux_weight)
    else:
        begin = partial(load_weights, path=step_folder(out, 2) / WEIGHTS_FILE)
    _carry_out(settings, device, plan, task=task, begin=begin, say=say)


def _carry_out(
    settings: StudySettings,
    device: torch.device,
    plan: RunPlan,
    *,
    task: Task[Any] | None = None,
    begin: Callable[[nn.Module], None] | None = None,
    say: Say,
) -> None:
    from nas.train.run import carry_out

    carry_out(plan.on_threads(settings.threads), device, task=task, begin=begin, say=say)

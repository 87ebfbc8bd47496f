"""Classifier baseline: its settings, the plan of each run, and its runs in one or three steps."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from baselines.covid.classifiers import (
    AUX_WEIGHT,
    INPUT,
    backbone_named,
    study_architecture,
    substitute_note,
    teacher_training,
)
from baselines.covid.folds import SETTINGS_FILE, begun_folds, finish_run, resumed_folds, run_folds
from baselines.covid.settings import (
    XrayBaselineSettings,
    XrayRequest,
    inputs_of,
    on_fold,
    shared_settings,
)
from baselines.covid.student import StudentTask
from baselines.covid.teacher import TeacherTask, load_teacher
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.model.build import build_network
from nas.report.lines import Say
from nas.runs.folder import new_run_folder
from nas.spec.definition import ArchitectureSpec
from nas.spec.provenance import Provenance
from nas.tasks.base import Task
from nas.tasks.registry import task_named
from nas.train import run
from nas.train.begin import library_weights, with_library_weights
from nas.train.plan import METRICS_FILE, RunPlan, normalised_as_published
from nas.train.trained import TEACHER
from nas.train.weights import WEIGHTS_FILE, load_weights

STUDENT = "student"
TASK: Literal["covid-study"] = "covid-study"
COMMAND = "nas baseline covid-study"
STEPS = {
    TEACHER: "a teacher, trained and measured on images that are black outside their boxes",
    STUDENT: "a student, its feature maps drawn towards the teacher's",
    "fine-tuning": "the student, trained on without the teacher",
}
"""What is done in the folders step-1 to step-3, in words."""


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
        whole = study_architecture(backbone, self.input, preprocess, pretrained=self.has_weights)
        whole = with_library_weights(replace(whole, provenance=facts), self.weights)
        return normalised_as_published(whole) if self.has_weights else whole


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
    begun = settings.architecture
    weights = None if begun.begin is None else begun.begin.weights
    settings = settings.model_copy(update={"weights": weights})
    with torch.device("cpu" if settings.has_weights else "meta"):  # try it out
        build_network(begun, pretrained=settings.pretrained, weights=library_weights(begun))
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


def train_study(
    settings: StudySettings, device: torch.device, out: Path | None = None, *, say: Say = print
) -> None:
    """Train all that the settings ask for in a new folder: one run, its steps, or folds.

    `out` None is `runs/NAME-baseline`, `-steps` or `-folds`. A single plain run goes on with
    `nas.resume_training`, anything else with `resume_study`.
    """
    if settings.has_weights and (note := substitute_note(backbone_named(settings.backbone))):
        say(note)
    if settings.steps == 1 and not settings.folds:
        folder = new_run_folder(out, f"{settings.backbone}-baseline")
        run.run_plan(study_plan(settings, None, folder), device, say=say)
        return
    kind = "folds" if settings.folds else "steps"
    with begun_folds(out, f"{settings.backbone}-{kind}", settings) as folder:
        _go_on(folder, settings, device, say)


def resume_study(
    out: Path, device: torch.device, *, threads: int | None = None, say: Say = print
) -> None:
    """Do what is left of a folder's steps or folds, on as many threads as before if None.

    Raises NasError where nothing is left, or nothing was begun.
    """
    if not (out / SETTINGS_FILE).exists():
        raise NasError(
            "no steps or folds of this baseline were begun here; a single plain run goes on with "
            "`nas train --resume RUN`",
            file=out,
            key="--resume",
        )
    with resumed_folds(out, StudySettings, threads) as settings:
        _go_on(out, settings, device, say)


def _go_on(out: Path, settings: StudySettings, device: torch.device, say: Say) -> None:
    if settings.folds:
        finish_fold = partial(run_fold, settings, device, say=say)
        run_folds(out, settings.folds, finish_fold, device, command=COMMAND, say=say)
        return
    if (final_run(settings, out) / METRICS_FILE).exists():
        raise NasError("all steps are finished: see step-3/metrics.json", file=out)
    try:
        run_fold(settings, device, None, out, say=say)
    except KeyboardInterrupt:
        say(f"stopped; go on with: {COMMAND} --resume {out}")
        raise


def step_folder(out: Path, number: int) -> Path:
    """Where a step's run is; `number` from 1."""
    return out / f"step-{number}"


def final_run(settings: StudySettings, out: Path) -> Path:
    """The run that counts of those in a fold's folder."""
    return out if settings.steps == 1 else step_folder(out, settings.steps)


def run_fold(
    settings: StudySettings,
    device: torch.device,
    fold: int | None,
    out: Path,
    *,
    say: Say = print,
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
    if step == TEACHER:
        _carry_out(settings, device, plan, task=TeacherTask(), say=say)
    elif step == STUDENT:
        assert settings.aux_weight is not None  # as resolved
        teacher = load_teacher(step_folder(out, 1), device)
        _carry_out(settings, device, plan, task=StudentTask(teacher, settings.aux_weight), say=say)
    else:
        begin = partial(load_weights, path=step_folder(out, 2) / WEIGHTS_FILE)
        _carry_out(settings, device, plan, begin=begin, say=say)


def _carry_out(
    settings: StudySettings,
    device: torch.device,
    plan: RunPlan,
    *,
    task: Task[Any] | None = None,
    begin: run.Begin | None = None,
    say: Say,
) -> None:
    run.carry_out(plan.on_threads(settings.threads), device, task=task, begin=begin, say=say)

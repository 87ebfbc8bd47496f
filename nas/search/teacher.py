"""What teaches the networks of a search: prepared once, its outputs shared by all workers."""

from dataclasses import replace
from pathlib import Path

import torch

from nas.data.dataset import AnyTaskData
from nas.report.lines import UNTAUGHT, Say
from nas.search.data import SearchData
from nas.search.settings import SearchSettings
from nas.spec.architecture import ArchitectureSpec, parse_architecture
from nas.spec.definition import InputSpec
from nas.spec.provenance import Provenance
from nas.spec.space import SpaceSpec
from nas.tasks.registry import task_of
from nas.train.device import choose_device, default_threads
from nas.train.plan import OWN_TEACHER, TeacherPlan, check_teacher, planned_teacher
from nas.train.teacher import Spent, Teacher
from nas.train.teacher_run import Preparation, train_teacher
from nas.train.teaching import Teaching

SOFT_TARGETS = "soft_targets"
"""Folder within a search's own in which the teacher's outputs are kept."""


def check_settings(settings: SearchSettings) -> None:
    """Raises NasError for a teacher that is not there, or that nothing could be taught by."""
    check_teacher(_chosen(settings), _unlabelled(settings), settings.training)


class SearchTeacher:
    """The teacher of a search's networks, for one process; the teacher itself may be nobody."""

    def __init__(
        self, folder: Path, settings: SearchSettings, data: SearchData, device: torch.device
    ) -> None:
        self.folder = folder
        self._teachings: dict[InputSpec, Teaching] = {}
        plan = teacher_plan(folder, settings)
        self.teacher = None
        if plan is not None:
            request = data.request(first_size(data.space))
            self.teacher = Teacher(plan, data.task, request, device)

    @property
    def spent(self) -> Spent:
        """What asking the teacher took in this process: time of no network alone."""
        return Spent(0.0, 0.0) if self.teacher is None else self.teacher.spent

    def of(self, data: AnyTaskData) -> Teaching | None:
        """What teaches networks of these inputs; None for nobody."""
        if self.teacher is None:
            return None
        if data.input not in self._teachings:
            self.teacher.prepare()
            kept_in = self.folder / SOFT_TARGETS
            self._teachings[data.input] = Teaching(self.teacher, data, kept_in=kept_in)
        return self._teachings[data.input]


def prepare_teacher(folder: Path, space: SpaceSpec, settings: SearchSettings, say: Say) -> None:
    """Train the teacher that a search begins with, if it is not yet, and say who teaches.

    Raises NasError for one that can't teach the space's members on the data.
    """
    plan = teacher_plan(folder, settings)
    if plan is None:
        if settings.training.teaching is not None:
            say(UNTAUGHT)
        return
    device, task = choose_device(settings.device), task_of(space)
    source = SearchData(task, space, settings)
    size = first_size(space)
    data = source.at(size)
    request = source.request(size)
    if plan.architecture is not None:
        facts = Preparation(request, data.preprocess, settings.training, default_threads())
        train_teacher(plan, facts, device, say=say)
    teacher = Teacher(plan, task, request, device)
    for shape in space.input.shapes():
        channels, height, width = shape
        of_member = InputSpec(channels=channels, height=height, width=width)
        teacher.check(replace(data, input=of_member))
    say(teacher.line())


def teacher_plan(folder: Path, settings: SearchSettings) -> TeacherPlan | None:
    """Who teaches the networks of the search in `folder`."""
    return planned_teacher(folder, _chosen(settings), _unlabelled(settings))


def teacher_facts(folder: Path, settings: SearchSettings) -> Provenance:
    """Who taught the networks of the search in `folder`, by full paths."""
    own = (str(folder / OWN_TEACHER),) if settings.teacher_architecture is not None else ()
    runs = [str(Path(run).resolve()) for run in own or settings.teacher]
    if not runs:
        return Provenance()
    known = {} if settings.unlabelled is None else {"unlabelled": settings.unlabelled}
    return Provenance.model_validate({"teacher": runs, **known})


def first_size(space: SpaceSpec) -> InputSpec:
    """The first input of a space's members."""
    channels, height, width = space.input.shapes()[0]
    return InputSpec(channels=channels, height=height, width=width)


def _chosen(settings: SearchSettings) -> tuple[Path, ...] | ArchitectureSpec:
    if settings.teacher_architecture is not None:
        return parse_architecture(settings.teacher_architecture, "teacher.yaml")
    return tuple(map(Path, settings.teacher))


def _unlabelled(settings: SearchSettings) -> Path | None:
    return None if settings.unlabelled is None else Path(settings.unlabelled)

"""The one place where the name of a task becomes its class."""

from typing import Any

from nas.errors import NasError, did_you_mean
from nas.spec.space import SpaceSpec
from nas.tasks.base import Task
from nas.tasks.covid.detection import CovidDetectionTask
from nas.tasks.covid.study import CovidStudyTask
from nas.tasks.image.task import ImageTask
from nas.tasks.sed.task import SedTask

TASKS: dict[str, Task[Any]] = {
    task.name: task for task in (ImageTask(), SedTask(), CovidStudyTask(), CovidDetectionTask())
}


def task_of(space: SpaceSpec) -> Task[Any]:
    """The task that a space's file names. Raises NasError, with file and line, for no task."""
    try:
        return task_named(space.task)
    except NasError as error:
        raise space.document.error(("task",), error.problem) from error


def task_named(name: str) -> Task[Any]:
    """The task of that name. Raises NasError, with the nearest name, for an unknown one."""
    try:
        return TASKS[name]
    except KeyError:
        raise NasError(f"no task {name!r}{did_you_mean(name, TASKS)}", key="task") from None

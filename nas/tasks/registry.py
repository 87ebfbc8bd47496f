"""The one place where the name of a task becomes its class."""

from typing import Any

from nas.errors import NasError, did_you_mean
from nas.tasks.base import Task
from nas.tasks.image import ImageTask

TASKS: dict[str, Task[Any]] = {task.name: task for task in (ImageTask(),)}


def task_named(name: str) -> Task[Any]:
    """The task of that name. Raises NasError, with the nearest name, for an unknown one."""
    try:
        return TASKS[name]
    except KeyError:
        raise NasError(f"no task {name!r}{did_you_mean(name, TASKS)}", key="task") from None

"""Registry of tasks: the only place where a name becomes a class."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from nas.errors import NasError, did_you_mean
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.kinds import kinds_of
from nas.spec.load import find_architecture, read_document
from nas.spec.space import SpaceSpec
from nas.tasks.base import Task

_HOMES = {
    "image": "nas.tasks.image.task:ImageTask",
    "multilabel": "nas.tasks.multilabel.task:MultilabelTask",
    "sed": "nas.tasks.sed.task:SedTask",
    "covid-study": "nas.tasks.covid.study:CovidStudyTask",
    "detection": "nas.tasks.detection.task:DetectionTask",
    "covid-detection": "nas.tasks.covid.detection:CovidDetectionTask",
}
"""Module and class of each of our own tasks."""

AnyTask = TypeVar("AnyTask", bound=Task[Any])


class TaskRegistry(Mapping[str, Task[Any]]):
    """Tasks by name. A task with a home is imported when it is first asked for."""

    def __init__(self, homes: Mapping[str, str] | None = None) -> None:
        self._tasks: dict[str, Task[Any] | str] = dict(homes or {})

    def register(self, task: AnyTask) -> AnyTask:
        """`task` itself, which is then found by its name.

        Raises ValueError for a name that is taken, and for a `kind` of its settings that is.
        """
        if task.name in self._tasks:
            raise ValueError(f"task {task.name!r} is registered already: {self[task.name]!r}")
        for other in self.values():
            _check_kinds(task, other)
        self._tasks[task.name] = task
        return task

    def __getitem__(self, name: str) -> Task[Any]:
        task = self._tasks[name]
        if isinstance(task, str):
            module, _, kind = task.partition(":")
            made: Task[Any] = getattr(import_module(module), kind)()
            task = self._tasks[name] = made
        return task

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)


def _check_kinds(task: Task[Any], other: Task[Any]) -> None:
    """Raises ValueError where a kind would be read by another model than it is now."""
    for own, known in (
        (task.preprocess_types, other.preprocess_types),
        (task.loss_types, other.loss_types),
        (task.augment_types, other.augment_types),
    ):
        taken = {kind: model for model in known for kind in kinds_of(model)}
        for model in own:
            for kind in kinds_of(model):
                if taken.get(kind, model) is not model:
                    raise ValueError(
                        f"kind {kind!r} of {model} is registered already: {taken[kind]}"
                    )


TASKS = TaskRegistry(_HOMES)


def register_task(task: AnyTask) -> AnyTask:
    """`task` itself; files and commands may then name it.

    Raises ValueError for a name that is taken.
    """
    return TASKS.register(task)


def task_of(space: SpaceSpec) -> Task[Any]:
    """The task that a space's file names. Raises NasError, with file and line, for no task."""
    try:
        return task_named(space.task)
    except NasError as error:
        raise space.document.error(("task",), error.problem) from error


def task_named(name: str) -> Task[Any]:
    """The task of that name. Raises NasError, with the nearest name, for an unknown one."""
    if name not in TASKS:
        raise NasError(f"no task {name!r}{did_you_mean(name, TASKS)}", key="task")
    return TASKS[name]


def task_of_data(source: Path) -> Task[Any]:
    """The task whose data `source` holds: the last registered one that knows their form.

    What no other task knows is the image task's.
    """
    return next(TASKS[name] for name in reversed(list(TASKS)) if TASKS[name].holds(source))


def check_file(architecture: ArchitectureSpec, path: Path) -> None:
    """Raise NasError, with the line of the file it was read from, for what its task refuses."""
    try:
        task_named(architecture.task).check_architecture(architecture)
    except NasError as error:
        document = read_document(find_architecture(path))
        key = tuple(error.key.split(".")) if error.key else ()
        raise document.error(key, error.problem) from error


def library_architecture(model: str, size: InputSpec, task: str = "image") -> ArchitectureSpec:
    """Another library's network, `torchvision:NAME` or `timm:NAME`, with the task's head.

    Raises NasError for a task that there is not, or that can't use it.
    """
    chosen = task_named(task)
    architecture = ArchitectureSpec(
        name=model.rpartition(":")[2],
        input=size,
        model=model,
        task=chosen.name,
        head=chosen.model_head,
    )
    chosen.check_architecture(architecture)
    return architecture

"""Training settings that the training split chooses, where nobody gives them.

They are open, which is None, until the data are read; then they are written out, so that a run that
goes on finds them given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from nas.data.dataset import AnyTaskData
from nas.spec.training import TrainingSpec
from nas.tasks.base import RecipeChoice, Task


@dataclass(frozen=True)
class Recipe:
    """Settings with nothing open, and how they came about."""

    training: TrainingSpec
    lines: tuple[str, ...] = ()
    """What was chosen, and why; empty where nothing was open."""


def settled(task: Task[Any], training: TrainingSpec, *, built_in: bool) -> TrainingSpec:
    """The settings with the task's own where they name none, whatever the data are.

    Raises NasError for the settings of another task.
    """
    resolved = task.resolved(training, built_in=built_in)
    return resolved.model_copy(update={"sampler": training.sampler or task.default_sampler})


def open_until_read(task: Task[Any], training: TrainingSpec, *, built_in: bool) -> TrainingSpec:
    """The same, but that what the recipe chooses by the data stays open. Raises NasError too."""
    left = dict.fromkeys(_open(task, training))
    return settled(task, training, built_in=built_in).model_copy(update=left)


def recipe_for(
    task: Task[Any], training: TrainingSpec, data: AnyTaskData, *, built_in: bool
) -> Recipe:
    """The settings for these data: what is given, then what the training split chooses, then the
    task's own."""
    left = _open(task, training)
    if not left:
        return Recipe(settled(task, training, built_in=built_in))
    lines: list[str] = []
    for choice in task.recipe(data):
        chosen = {name: value for name, value in choice.settings.items() if name in left}
        if chosen:
            training = training.model_copy(update=chosen)
            lines.append(_line(chosen, choice))
    return Recipe(settled(task, training, built_in=built_in), tuple(lines))


def _open(task: Task[Any], training: TrainingSpec) -> tuple[str, ...]:
    """Names of the settings that the data choose."""
    if training.recipe != "auto":
        return ()
    return tuple(name for name in task.recipe_settings if getattr(training, name) is None)


def _line(chosen: Mapping[str, Any], choice: RecipeChoice) -> str:
    words = ", ".join(f"{name} {_words(value)}" for name, value in chosen.items())
    return f"recipe: {words}; {choice.because}"


def _words(value: Any) -> str:
    """A setting; of a loss its kind and what differs from the defaults."""
    if not isinstance(value, BaseModel):
        return str(value)
    more = value.model_dump(exclude={"kind"}, exclude_defaults=True)
    return " ".join(
        map(str, (getattr(value, "kind", ""), *(f"({k} {v})" for k, v in more.items())))
    )

"""What the flags of a command change of how data are read: preprocessing and splits."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec
    from nas.tasks.base import Task


def preprocess_keys(
    task: "Task[Any]", *, no_turn: bool = False, labels: str | None = None
) -> dict[str, Any]:
    """The keys of `preprocess` that the flags set. Raises NasError where the task has none such."""
    keys: dict[str, Any] = {}
    if no_turn:
        if task.name != "image":
            raise NasError(f"the {task.name} task has no pictures to turn", key="--no-turn")
        keys["turn_portrait"] = False
    if labels is not None:
        if labels not in task.label_kinds:
            known = ", ".join(task.label_kinds) or "none"
            problem = f"the {task.name} task has no labels {labels!r}; allowed: {known}"
            raise NasError(problem, key="--labels")
        keys |= {"kind": "xray", "labels": labels}
    return keys


def with_data_flags(
    architecture: "ArchitectureSpec", keys: Mapping[str, Any]
) -> "ArchitectureSpec":
    """The architecture with these keys of its preprocessing."""
    from pydantic import TypeAdapter

    from nas.spec.preprocess import AnyPreprocess

    if keys:
        given = architecture.preprocess
        written = (
            {} if given is None else given.model_dump(exclude_unset=True) | {"kind": given.kind}
        )
        changed = TypeAdapter(AnyPreprocess).validate_python({**written, **keys})
        architecture = replace(architecture, preprocess=changed)
    return architecture

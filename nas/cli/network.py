"""The network that a command is given, at which input and with which preprocessing."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cli.options import DataFlags
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec, InputSpec
    from nas.tasks.base import Task


@dataclass(frozen=True)
class NetworkFlags:
    """Which network, and at which input."""

    arch: Path | None
    model: str | None
    size: "InputSpec | None"

    def check(self) -> None:
        """Raise NasError where none or two networks are given."""
        if (self.arch is None) == (self.model is None):
            raise NasError("give --arch FILE or --model NAME, one of them")


def load_architecture_at(path: Path, size: "InputSpec | None") -> "ArchitectureSpec":
    """The architecture of a file at the input that is given, None is the file's own.

    Raises NasError for a file that is wrong, and for an input of other channels.
    """
    from nas.spec.architecture import load_architecture

    if size is None:
        return load_architecture(path)
    architecture = load_architecture(path, input_size=(size.height, size.width))
    if architecture.input.channels != size.channels:
        raise NasError(
            f"--input has {size.channels} channels, but the network takes "
            f"{architecture.input.channels}",
            file=path,
        )
    return architecture


def load_for_task(path: Path, size: "InputSpec | None") -> "ArchitectureSpec":
    """As `load_architecture_at`, of an architecture that its task can use."""
    from nas.tasks.registry import check_file

    architecture = load_architecture_at(path, size)
    check_file(architecture, path)
    return architecture


def preprocess_keys(task: "Task[Any]", flags: DataFlags) -> dict[str, Any]:
    """The keys of `preprocess` that the flags set. Raises NasError where the task has none such."""
    fields = task.preprocess_types[0].model_fields
    keys: dict[str, Any] = {}
    if flags.no_turn:
        if "turn_portrait" not in fields:
            raise NasError(f"the {task.name} task has no pictures to turn", key="--no-turn")
        keys["turn_portrait"] = False
    if flags.labels is not None:
        if flags.labels not in task.label_kinds:
            known = ", ".join(task.label_kinds) or "none"
            problem = f"the {task.name} task has no labels {flags.labels!r}; allowed: {known}"
            raise NasError(problem, key="--labels")
        keys |= {"kind": fields["kind"].default, "labels": flags.labels}
    return keys


def prepared(architecture: "ArchitectureSpec", flags: DataFlags) -> "ArchitectureSpec":
    """The architecture with the preprocessing that the flags ask for. Raises NasError."""
    from pydantic import TypeAdapter

    from nas.spec.preprocess import AnyPreprocess
    from nas.tasks.registry import task_named

    keys = preprocess_keys(task_named(architecture.task), flags)
    if not keys:
        return architecture
    given = architecture.preprocess
    written = {} if given is None else given.model_dump(exclude_unset=True) | {"kind": given.kind}
    changed = TypeAdapter(AnyPreprocess).validate_python({**written, **keys})
    return replace(architecture, preprocess=changed)

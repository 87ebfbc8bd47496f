"""Architecture files that a command takes, checked by their task at once."""

from pathlib import Path
from typing import TYPE_CHECKING

from nas.cli.input_shape import load_architecture_at
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec


def load_for_task(path: Path, input_text: str | None) -> "ArchitectureSpec":
    """The architecture of a file, at the input `CxHxW` if it is given, that its task can use.

    Raises NasError, with file, line and key, for a wrong file and for what the task refuses.
    """
    from nas.spec.load import find_architecture, read_document
    from nas.tasks.registry import task_named

    architecture = load_architecture_at(path, input_text)
    try:
        task_named(architecture.task).check_architecture(architecture)
    except NasError as error:
        document = read_document(find_architecture(path))
        key = tuple(error.key.split(".")) if error.key else ()
        raise document.error(key, error.problem) from error
    return architecture

"""Architectures as their task takes them: of a file, or another library's network."""

from pathlib import Path

from nas.errors import NasError
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.load import find_architecture, read_document
from nas.tasks.registry import task_named


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

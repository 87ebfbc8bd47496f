"""Files of some kinds in and below a folder."""

from collections.abc import Container
from pathlib import Path


def visible_files(folder: Path, suffixes: Container[str]) -> tuple[Path, ...]:
    """Those with one of `suffixes`, in lower case with their dot, sorted; hidden ones not."""
    return tuple(
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )

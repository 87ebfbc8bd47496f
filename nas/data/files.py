"""Files of a data set: how they are found, progress of reading, reasons for leaving some out."""

from collections.abc import Callable, Container, Sequence
from pathlib import Path

Progress = Callable[[int, int], None]
"""Called with the files done and their total; not at all where nothing is left to be read."""


def first_of(reasons: Sequence[str], shown: int = 3) -> str:
    """`: A; B; C; ...` of the first reasons; empty for none."""
    more = "; ..." if len(reasons) > shown else ""
    return f": {'; '.join(reasons[:shown])}{more}" if reasons else ""


def visible_files(folder: Path, suffixes: Container[str]) -> tuple[Path, ...]:
    """Those with one of `suffixes`, in lower case with their dot, sorted; hidden ones not."""
    return tuple(
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )

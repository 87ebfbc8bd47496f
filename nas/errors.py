"""The one exception for what a user can mend: file, line, key, problem, value, what is allowed."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

_MOST_NAMES = 20
"""Most names that a message tells."""


class NasError(Exception):
    """A mistake in the user's input, said so that it can be mended.

    Printed as `tiny.yaml:14 layers[3].block: no block 'Cnov'; did you mean 'Conv'?`.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.file = None if file is None else str(file)
        self.line = line
        self.key = key

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}"
        place = " ".join(part for part in (place, self.key) if part)
        return f"{place}: {self.problem}" if place else self.problem

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.problem, self.file, self.line, self.key)


def _rebuild(problem: str, file: str | None, line: int | None, key: str | None) -> NasError:
    return NasError(problem, file=file, line=line, key=key)


def listed(names: Sequence[str]) -> str:
    """`a, b, c`; of many the first ones, and how many there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > _MOST_NAMES else shown


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """`; did you mean 'X'?` for the nearest name, else `; allowed: ...`; empty if nothing is."""
    names = sorted(set(allowed))
    lowered = {candidate.lower(): candidate for candidate in names}
    near = get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    if near:
        return f"; did you mean {lowered[near[0]]!r}?"
    if not names:
        return ""
    return f"; allowed: {listed(names)}"

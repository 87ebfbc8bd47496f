"""Plain values of one YAML file that remember their lines, so that an error can name its place."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.errors import NasError

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """Plain values of one YAML file, and the line on which each begins."""

    path: Path
    data: Any
    lines: dict[KeyPath, int]
    text: str

    def error(self, key: KeyPath, problem: str) -> NasError:
        """The error at `key`, with the line of its nearest written ancestor."""
        written = key
        while written and written not in self.lines:
            written = written[:-1]
        return NasError(problem, file=self.path, line=self.lines.get(written), key=format_key(key))


def format_key(key: KeyPath) -> str | None:
    """`('layers', 3, 'block')` as `layers[3].block`; None for the whole file."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_word(part)}" if text else _word(part)
    return text or None


def _word(part: str) -> str:
    return part if part.isprintable() and 0 < len(part) <= 60 else show(part)


def show(value: Any, limit: int = 60) -> str:
    """A value as an error message shows it: YAML's words, cut to `limit` characters."""
    if value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    else:
        text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."

"""Files with one JSON object a line."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nas.errors import NasError


def read_json_lines(path: Path, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The objects of a file. Raises NasError for a file without any, or one that lacks a key."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NasError(f"can't be read: {error}", file=path) from error
    if not lines:
        raise NasError("is empty", file=path)
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise NasError(f"no JSON: {error.msg}", file=path, line=number) from error
        missing = [key for key in keys if not isinstance(row, dict) or key not in row]
        if missing:
            raise NasError(f"lacks {', '.join(missing)}", file=path, line=number)
        yield row

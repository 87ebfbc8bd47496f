"""Cells of SIIM's tables that hold boxes: a Python list of mappings, and a label string."""

import ast
import math
import warnings
from collections.abc import Sequence

from nas.data.boxes import Box

MOST_CHARACTERS = 20_000
"""Length of the longest cell that is read: some two hundred boxes."""
_NEAR = 1.0
"""Pixels by which an edge may differ between the two cells of a row."""


def read_boxes(cell: str) -> tuple[Box, ...]:
    """The boxes of `[{'x': 1.0, 'y': 2.0, 'width': 3.0, 'height': 4.0}, ...]`; none if empty.

    Raises ValueError, in words for the user, for any other text and for a box without an area.
    """
    if not cell:
        return ()
    if len(cell) > MOST_CHARACTERS:
        raise ValueError(f"boxes of {len(cell)} characters, more than {MOST_CHARACTERS}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's parser, about escapes and numbers
            items = ast.literal_eval(cell)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise ValueError(f"boxes {_shown(cell)} is no list of mappings")
    return tuple(_measured_box(item) for item in items)


def read_label(cell: str) -> tuple[Box, ...]:
    """The boxes of `opacity 1 x1 y1 x2 y2 opacity 1 ...`; none for `none 1 0 0 1 1`.

    Raises ValueError, in words for the user, for any other text and for a box without an area.
    """
    words = cell.split()
    groups = [(words[start], words[start + 1 : start + 6]) for start in range(0, len(words), 6)]
    numbers = [[_number(word) for word in rest] for _, rest in groups]
    names = [name for name, _ in groups]
    if names == ["none"] and numbers[0][1:] == [0, 0, 1, 1]:
        return ()
    if not names or set(names) != {"opacity"} or any(len(row) != 5 for row in numbers):
        raise ValueError(
            f"label {_shown(cell)} is neither 'none 1 0 0 1 1' nor 'opacity 1 x1 y1 x2 y2 ...'"
        )
    return tuple(_checked_box(row[1:], _shown(cell)) for row in numbers)


def same_boxes(boxes: Sequence[Box], others: Sequence[Box]) -> bool:
    """Whether each box has another one of its own whose edges lie within a pixel, in any order."""
    left = list(others)
    for box in boxes:
        match = next((other for other in left if _near(box, other)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _measured_box(item: object) -> Box:
    """The box of a mapping with x, y, width and height."""
    given = item if isinstance(item, dict) else {}
    x, y, width, height = (_number(given.get(key)) for key in ("x", "y", "width", "height"))
    if x is None or y is None or width is None or height is None:
        raise ValueError(f"box {_shown(repr(item))} has not the numbers x, y, width and height")
    return _checked_box((x, y, x + width, y + height), _shown(repr(item)))


def _checked_box(corners: Sequence[float | None], shown: str) -> Box:
    """The box of four edges. Raises ValueError unless they are numbers that span an area."""
    x1, y1, x2, y2 = corners
    if x1 is None or y1 is None or x2 is None or y2 is None:
        raise ValueError(f"box {shown} has an edge that is not a number")
    if not (x1 < x2 < math.inf and y1 < y2 < math.inf):
        raise ValueError(f"box {shown} is not x1 < x2 and y1 < y2")
    return x1, y1, x2, y2


def _near(box: Box, other: Box) -> bool:
    return all(abs(edge - place) <= _NEAR for edge, place in zip(box, other, strict=True))


def _number(value: object) -> float | None:
    """A finite number as it is or as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")

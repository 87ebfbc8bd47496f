"""The stride of a block: one number for both axes, or one for each."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

MAX_STRIDE = 16
_PER_AXIS = re.compile(r"([0-9]{1,3})x([0-9]{1,3})")


def _stride(value: Any) -> int | str:
    """The stride in canonical form: `2x2` is 2. Raises ValueError for anything else."""
    found = _PER_AXIS.fullmatch(value) if isinstance(value, str) else None
    down, along = (int(found[1]), int(found[2])) if found else (value, value)
    whole = isinstance(down, int) and not isinstance(down, bool)
    if not whole or not all(1 <= step <= MAX_STRIDE for step in (down, along)):
        raise ValueError(
            f"a stride is a whole number from 1 to {MAX_STRIDE}, "
            "or one for each axis, height x width, such as 2x1"
        )
    return down if down == along else f"{down}x{along}"


Stride = Annotated[
    int | str,
    BeforeValidator(_stride),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_STRIDE},
                {"type": "string", "pattern": _PER_AXIS.pattern, "examples": ["2x1", "1x3"]},
            ]
        }
    ),
]
"""Stride in pixels: one number, or as text one for each axis, height x width: `2x1`."""


def axis_strides(stride: int | str) -> tuple[int, int]:
    """Stride along the rows and along the columns."""
    if isinstance(stride, int):
        return stride, stride
    down, along = stride.split("x")
    return int(down), int(along)

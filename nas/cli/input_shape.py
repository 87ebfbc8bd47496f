"""The form in which a network's input is written on the command line: `3x46x64`."""

import re

from nas.errors import NasError


def parse_input_shape(text: str) -> tuple[int, int, int]:
    """`(C, H, W)` of `CxHxW`. Raises NasError for another form."""
    match = re.fullmatch(r"(\d{1,5})[x,](\d{1,5})[x,](\d{1,5})", text.strip().lower())
    sizes = tuple(map(int, match.groups())) if match else ()
    if len(sizes) != 3 or not all(1 <= size <= 16_384 for size in sizes):
        raise NasError(
            f"{text!r} is no input size; write channels, height, width as in 3x46x64", key="--input"
        )
    return sizes

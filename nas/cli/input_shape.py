"""The form in which a network's input is written on the command line: `3x46x64`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec

InputShape = tuple[int, int, int]
"""`(C, H, W)`."""


def parse_input_shape(text: str) -> InputShape:
    """`(C, H, W)` of `CxHxW`. Raises NasError for another form."""
    match = re.fullmatch(r"(\d{1,5})[x,](\d{1,5})[x,](\d{1,5})", text.strip().lower())
    sizes = tuple(map(int, match.groups())) if match else ()
    if len(sizes) != 3 or not all(1 <= size <= 16_384 for size in sizes):
        raise NasError(
            f"{text!r} is no input size; write channels, height, width as in 3x46x64", key="--input"
        )
    return sizes


def load_architecture_at(path: Path, text: str | None) -> "ArchitectureSpec":
    """The architecture of a file at the input that `text` writes, None is the file's own.

    Raises NasError for a file that is wrong, and for an input of other channels.
    """
    from nas.spec.architecture import load_architecture

    if text is None:
        return load_architecture(path)
    channels, height, width = parse_input_shape(text)
    architecture = load_architecture(path, input_size=(height, width))
    if architecture.input.channels != channels:
        raise NasError(
            f"--input has {channels} channels, but the network takes {architecture.input.channels}",
            file=path,
        )
    return architecture

"""The features that a detector looks at: the last map at each of the strides 8, 16 and 32."""

from collections.abc import Sequence

from blocks import STRIDES, Shape
from nas.errors import NasError

Size = tuple[int, int]
"""Height and width."""


def map_sizes(input_shape: Shape) -> tuple[Size, ...]:
    """Height and width of the map at each stride for an input `(C, H, W)`, rounded up.

    Raises NasError for an input so small that two of them are of one size.
    """
    _, height, width = input_shape
    sizes = tuple((-(-height // stride), -(-width // stride)) for stride in STRIDES)
    if len(set(sizes)) < len(sizes):
        raise NasError(
            f"an input of {height}x{width} is too small for maps at the strides {_strides()}",
            key="input",
        )
    return sizes


def out_indices(out_shapes: Sequence[Shape], input_shape: Shape) -> tuple[int, ...]:
    """Which of the blocks, by what they put out, give the maps at the strides 8, 16 and 32.

    Raises NasError where one is missing, or the last block does not put out the coarsest.
    """
    indices = []
    for stride, size in zip(STRIDES, map_sizes(input_shape), strict=True):
        found = [i for i, shape in enumerate(out_shapes) if len(shape) == 3 and shape[1:] == size]
        if not found:
            raise NasError(f"{missing_map(stride, size)} among {_shown(out_shapes)}", key="layers")
        indices.append(found[-1])
    if indices[-1] != len(out_shapes) - 1:
        last = "x".join(map(str, out_shapes[-1]))
        raise NasError(
            f"the layers must end at stride {STRIDES[-1]}, but they end in {last}", key="layers"
        )
    return tuple(indices)


def missing_map(stride: int, size: Size) -> str:
    """That a detector's map is not there."""
    return f"a detector needs maps at the strides {_strides()}; at {stride} no {_size(size)}"


def _strides() -> str:
    return ", ".join(map(str, STRIDES))


def _size(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _shown(shapes: Sequence[Shape]) -> str:
    sizes = dict.fromkeys(_size((s[1], s[2])) if len(s) == 3 else "a vector" for s in shapes)
    return ", ".join(sizes) or "no layers"

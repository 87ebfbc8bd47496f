"""Several feature maps of one input, finest first: the input of a neck or a detection head.

Their shape is the shapes of the maps one after another: `(C, H, W, C, H, W, C, H, W)`.
"""

from collections.abc import Iterable
from itertools import chain

from blocks.base import Shape

Map = tuple[int, int, int]
"""`(C, H, W)` of one map."""

STRIDES = (8, 16, 32)
"""Strides of the maps that a detector looks at, in pixels of the input, finest first."""


def pyramid_shape(maps: Iterable[Shape]) -> Shape:
    """The shape of several maps together."""
    return tuple(chain.from_iterable(maps))


def maps_of(in_shape: Shape, block: str) -> tuple[Map, ...]:
    """The maps of a pyramid. Raises ValueError for a single map and for a vector."""
    if len(in_shape) < 6 or len(in_shape) % 3:
        came = "x".join(map(str, in_shape))
        raise ValueError(f"{block} needs several feature maps, but its input is {came}")
    return tuple(zip(in_shape[::3], in_shape[1::3], in_shape[2::3], strict=True))


def shapes_in(in_shape: Shape) -> tuple[Shape, ...]:
    """Shapes of a module's input tensors for one sample: several for a pyramid, else one."""
    return maps_of(in_shape, "a pyramid") if len(in_shape) > 3 else (in_shape,)

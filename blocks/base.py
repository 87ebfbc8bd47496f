"""The contract of a block: a frozen config that knows its output shape and builds its module."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from torch import nn

from blocks.cost import Cost, Memory
from blocks.stride import axis_strides

Shape = tuple[int, ...]
"""Shape of one sample without the batch axis: `(C, H, W)` of a feature map, `(C,)` of a vector,
`(C, H, W, C, H, W, ...)` of several maps (see `blocks.pyramid`)."""

Axes = tuple[str | None, ...]
"""Which channels run along the axes of a tensor: `in` and `out` of the block, or others by a name
of the block's own; None for an axis that is not of channels, as the sides of a kernel."""

Identity = tuple[object, ...]
"""What a block computes, as plain hashable values; equal for blocks that build the same module."""


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise ValueError(f"a kernel of {kernel} can't keep the size at stride 1: it must be odd")
    return kernel


Channels = Annotated[int, Field(strict=True, ge=1, le=65_536)]
Kernel = Annotated[int, Field(strict=True, ge=1, le=63)]
OddKernel = Annotated[Kernel, AfterValidator(_odd)]
Padding = Annotated[int, Field(strict=True, ge=0, le=31)]
SamePadding = Literal["same"]
"""TensorFlow's: as many zeros as give ceil(size / stride) outputs, an odd one below and right."""
NormEps = Annotated[float, Field(strict=True, gt=0, le=0.1, allow_inf_nan=False)]
Groups = Annotated[int, Field(strict=True, ge=1, le=65_536)]
Expand = Annotated[float, Field(strict=True, gt=0, le=64, allow_inf_nan=False)]

ActivationName = Literal[
    "ReLU",
    "ReLU6",
    "LeakyReLU",
    "Hardswish",
    "SiLU",
    "GELU",
    "Mish",
    "Sigmoid",
    "Hardsigmoid",
    "Tanh",
]


class BlockConfig(BaseModel, ABC):
    """Settings of one block; `name` is its name in YAML files.

    A config that has a `stride` field can be repeated with the stride on its first copy only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    row_arguments: ClassVar[tuple[str, ...]] = ()
    """Field names in the order of the row form `[repeat, name, args]`."""
    fixed_width: ClassVar[bool] = False
    """True where `out` is never scaled or rounded when rows are read."""
    shape_fields: ClassVar[frozenset[str]] = frozenset(
        {"out", "kernel", "stride", "padding", "groups"}
    )
    """Fields that decide the output shape, or whether an input shape is allowed."""

    @abstractmethod
    def output_shape(self, in_shape: Shape) -> Shape:
        """Shape of one output sample. Raises ValueError if the block can't take `in_shape`."""

    @abstractmethod
    def build(self, in_shape: Shape) -> nn.Module:
        """Module for inputs of shape `(N, *in_shape)`, with PyTorch's default weights.

        Raises ValueError where `output_shape` does.
        """

    def cost(self, in_shape: Shape) -> Cost | None:
        """Cost of one sample of that shape in closed form; None where it must be counted."""
        return None

    def memory(self, in_shape: Shape) -> Memory | None:
        """What it takes on a device, in closed form; None where it must be counted."""
        return None

    def channel_axes(self, in_shape: Shape) -> Mapping[str, Axes] | None:
        """The channels along the axes of each tensor of its module's state, by the tensor's name.

        With it a narrower block can begin with a part of a wider one's weights. Output channels
        that a shortcut ties to the input's are named `in`. None: its weights serve as a whole only.
        """
        return None

    def identity(self, in_shape: Shape) -> Identity:
        """Equal for two configs that build the same computation on `in_shape`."""
        return (self.name, *(getattr(self, field) for field in type(self).model_fields))


def automatic_padding(kernel: int, padding: int | None = None) -> int:
    """`padding`; for None, the padding that keeps the size at stride 1 with an odd kernel."""
    return (kernel - 1) // 2 if padding is None else padding


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after `size` pixels so that ceil(size / stride) come out.

    As TensorFlow's `SAME` has them: where their number is odd, one more stands after.
    """
    out = -(-size // stride)
    zeros = max(0, (out - 1) * stride + kernel - size)
    return zeros // 2, zeros - zeros // 2


def resolved_padding(
    kernel: int, stride: int | str, padding: int | SamePadding | None
) -> int | SamePadding:
    """Zeros on each side; `same` only where they depend on the input's size."""
    if padding != "same":
        return automatic_padding(kernel, padding)
    return automatic_padding(kernel) if stride == 1 and kernel % 2 else "same"


def convolved_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Output length of a convolution or pooling along one axis. Raises ValueError below 1."""
    out = (size + 2 * padding - kernel) // stride + 1
    if size + 2 * padding < kernel:
        raise ValueError(
            f"a kernel of {kernel} does not fit into {size} pixels padded by {padding}"
        )
    return out


def convolved_sides(
    height: int, width: int, kernel: int, stride: int | str, padding: int | SamePadding
) -> tuple[int, int]:
    """Output height and width of a convolution or pooling. Raises ValueError below 1."""
    down, along = axis_strides(stride)
    if padding == "same":
        return -(-height // down), -(-width // along)
    return (
        convolved_size(height, kernel, down, padding),
        convolved_size(width, kernel, along, padding),
    )


def feature_map(in_shape: Shape, block: str) -> tuple[int, int, int]:
    """`in_shape` as `(C, H, W)`. Raises ValueError for a vector."""
    if len(in_shape) != 3:
        raise ValueError(
            f"{block} needs a feature map (C, H, W), but its input is a vector {in_shape}"
        )
    channels, height, width = in_shape
    return channels, height, width

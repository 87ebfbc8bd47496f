"""Shapes of the commonest results, without PyTorch's meta kernels.

Many of those kernels are written in Python, take up to milliseconds a call, and import
torch.compile at the first, which takes longer than importing torch. Each rule here is for float
tensors that fit (dense ones, but for products), gives what the kernel gives, and leaves everything
else, errors too, to the kernel.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

Shape = tuple[int, ...]
ShapeRule = Callable[..., Shape | None]
"""From an op's arguments to the shape of its result; None where the rule does not hold."""


def shape_of_result(rule: ShapeRule, args: Sequence[Any], kwargs: dict[str, Any]) -> Shape | None:
    """The result's shape if all tensors are of one float type, dense, on meta, and fit the rule."""
    tensors: list[Tensor] = []
    for value in args:
        if isinstance(value, Tensor):
            tensors.append(value)
        elif isinstance(value, (list, tuple)):
            tensors.extend(part for part in value if isinstance(part, Tensor))
    dtype = tensors[0].dtype
    for tensor in tensors:
        dense = rule in _ANY_STRIDES or tensor.is_contiguous()
        if not (dense and tensor.is_meta and tensor.dtype is dtype):
            return None
    if not dtype.is_floating_point or kwargs.get("dtype") is not None:
        return None
    return rule(*args)


def _elementwise(*values: Any) -> Shape | None:
    shapes = {tuple(value.shape) for value in values if isinstance(value, Tensor)}
    if len(shapes) == 1:
        return shapes.pop()
    length = max(map(len, shapes))
    padded = [(1,) * (length - len(shape)) + shape for shape in shapes]
    # torch.broadcast_shapes would import sympy
    wanted = [{size for size in sizes if size != 1} for sizes in zip(*padded, strict=True)]
    if any(len(sizes) > 1 for sizes in wanted):
        return None
    return tuple(sizes.pop() if sizes else 1 for sizes in wanted)


def _cat(tensors: Sequence[Tensor], axis: int = 0) -> Shape | None:
    sizes = [list(tensor.shape) for tensor in tensors]
    if not -len(sizes[0]) <= axis < len(sizes[0]):
        return None
    if any(len(size) != len(sizes[0]) for size in sizes):
        return None
    joined = sum(size[axis] for size in sizes)
    for size in sizes:
        size[axis] = joined
    return tuple(sizes[0]) if all(size == sizes[0] for size in sizes) else None


def _mean(x: Tensor, axes: Sequence[int] | None = None, keep: bool = False) -> Shape | None:
    if not axes or any(not -x.dim() <= axis < x.dim() for axis in axes):
        return None
    gone = {axis % x.dim() for axis in axes}
    if len(gone) != len(axes):
        return None
    sizes = [1 if axis in gone else size for axis, size in enumerate(x.shape)]
    return tuple(size for axis, size in enumerate(sizes) if keep or axis not in gone)


def _channel_shuffle(x: Tensor, groups: int) -> Shape | None:
    return tuple(x.shape) if x.dim() > 2 and groups > 0 and x.shape[1] % groups == 0 else None


def _mm(left: Tensor, right: Tensor) -> Shape | None:
    if left.dim() != 2 or right.dim() != 2 or left.shape[1] != right.shape[0]:
        return None
    return left.shape[0], right.shape[1]


def _addmm(addend: Tensor, left: Tensor, right: Tensor) -> Shape | None:
    shape = _mm(left, right)
    return shape if shape is not None and tuple(addend.shape) in (shape, shape[1:]) else None


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Shape | None:
    axes = x.dim() - 2
    fits = x.dim() == weight.dim() and all(
        len(each) == axes for each in (stride, padding, dilation)
    )
    if transposed or not fits or groups < 1 or min(stride) < 1:
        return None
    if x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        return None
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        return None
    sizes = tuple(
        (size + 2 * pad - spread * (kernel - 1) - 1) // step + 1
        for size, kernel, step, pad, spread in zip(
            x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True
        )
    )
    return (x.shape[0], weight.shape[0], *sizes) if all(size > 0 for size in sizes) else None


def _max_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil: bool = False,
) -> Shape | None:
    given = (kernel, stride or kernel, padding)
    if (
        x.dim() != 4
        or ceil
        or any(size != 1 for size in dilation)
        or any(len(each) != 2 for each in given)
    ):
        return None
    sizes = []
    for size, window, step, pad in zip(x.shape[2:], *given, strict=True):
        if min(window, step) < 1 or pad < 0 or 2 * pad > window or size + 2 * pad < window:
            return None
        sizes.append((size + 2 * pad - window) // step + 1)
    return (*x.shape[:2], *sizes)


_ANY_STRIDES = (_mm, _addmm)
"""Rules whose results are dense whatever comes in."""

_ELEMENTWISE = """
    add sub mul div relu hardtanh hardswish hardsigmoid silu sigmoid tanh gelu mish leaky_relu elu
    softplus
"""

RULES: dict[str, ShapeRule] = {
    **dict.fromkeys(_ELEMENTWISE.split(), _elementwise),
    "addmm": _addmm,
    "cat": _cat,
    "convolution": _convolution,
    "max_pool2d_with_indices": _max_pool,
    "mean": _mean,
    "mm": _mm,
    "channel_shuffle": _channel_shuffle,
}
"""By the name of the op in `torch.ops.aten`, without the underscore of its in-place form."""

MAX_POOL = RULES["max_pool2d_with_indices"]
"""The rule of the one op that has a second result, the indices, of the same shape."""

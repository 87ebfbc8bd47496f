"""Multiply-adds of one call of a convolution or matrix product, from the shapes alone."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from torch import Tensor

Formula = Callable[[Sequence[Any], Tensor], int]
"""From an op's positional arguments and its (first) output to its multiply-adds."""


def _product(left: Tensor, right: Tensor) -> int:
    """`(..., m, k) @ (..., k, n)`; vectors count as a row on the left or a column on the right."""
    columns = right.shape[-1] if right.dim() > 1 else 1
    return left.numel() * columns


def _two_factors(arguments: Sequence[Any], out: Tensor) -> int:
    return _product(arguments[0], arguments[1])


def _addend_and_two_factors(arguments: Sequence[Any], out: Tensor) -> int:
    return _product(arguments[1], arguments[2])


def _outer_product(arguments: Sequence[Any], out: Tensor) -> int:
    return int(arguments[1].numel() * arguments[2].numel())


def _linear(arguments: Sequence[Any], out: Tensor) -> int:
    features, weight = arguments[:2]
    return int(features.numel() * weight.shape[0])


def _convolution(arguments: Sequence[Any], out: Tensor) -> int:
    """Every output element, or of a transposed convolution every input element, meets one filter.

    Products with padding count as the others do, as in torch.utils.flop_counter.
    """
    features, weight, transposed = arguments[0], arguments[1], arguments[6]
    places: Tensor = features if transposed else out
    return places.numel() * prod(int(size) for size in weight.shape[1:])


def _trilinear(arguments: Sequence[Any], out: Tensor) -> int:
    """The op under nn.Bilinear: one multiply-add for each weight and sample.

    It is a linear layer on the outer product of the two inputs; the outer product itself is
    elementwise.
    """
    shapes: list[list[int]] = []
    for factor, axes in zip(arguments[:3], arguments[3:6], strict=True):
        shape = list(factor.shape)
        for axis in sorted(axes):
            shape.insert(axis, 1)
        shapes.append(shape)
    return prod(max(sizes) for sizes in zip(*shapes, strict=True))


def _attention(arguments: Sequence[Any], out: Tensor) -> int:
    """Queries times keys, then weights times values, unmasked; `(N, heads, length, features)`."""
    queries, keys, values = arguments[:3]
    length = keys.shape[-2]
    return int(queries.numel() * length + prod(queries.shape[:-1]) * length * values.shape[-1])


FORMULAS: dict[str, Formula] = {
    "mm": _two_factors,
    "bmm": _two_factors,
    "mv": _two_factors,
    "dot": _two_factors,
    "vdot": _two_factors,
    "addmm": _addend_and_two_factors,
    "addbmm": _addend_and_two_factors,
    "baddbmm": _addend_and_two_factors,
    "addmv": _addend_and_two_factors,
    "addr": _outer_product,
    "linear": _linear,
    "convolution": _convolution,
    "_convolution": _convolution,
    "_trilinear": _trilinear,
    "_scaled_dot_product_flash_attention": _attention,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_efficient_attention": _attention,
    "_scaled_dot_product_cudnn_attention": _attention,
}
"""By the name of the op in `torch.ops.aten`, without the underscore of its in-place form."""

CONVOLUTIONS = frozenset({"convolution", "_convolution"})
"""Those of them that are convolutions."""

"""Results of ops on meta tensors, remembered: PyTorch's own meta kernels take up to milliseconds a call."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from nas.macs.memory import tensors_in
from nas.macs.meta import META

_LARGEST = 100_000
_Layout = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]
"""Sizes, strides and type of a result."""

_IN_PLACE: tuple[_Layout, ...] = ()
_remembered: dict[Any, tuple[_Layout, ...]] = {}


def run_meta(function: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What `function(*args, **kwargs)` gives on the meta device.

    The layout of a result follows from the layouts of the arguments, so each is worked out once, by the
    op's own meta kernel; that one also refuses what does not fit. Only results in new memory, and
    elementwise ops in place, are remembered.
    """
    in_place = function._schema.is_mutable
    if function.is_view or (in_place and torch.Tag.pointwise not in function.tags):
        return function(*args, **kwargs)
    key = (function, _key(args), _key(tuple(kwargs.items())))
    layouts = _remembered.get(key)
    if layouts is None:
        result = function(*args, **kwargs)
        _remember(key, args, kwargs, result, in_place)
        return result
    if in_place:
        return args[0]
    made = tuple(
        torch.empty_strided(sizes, strides, dtype=dtype, device=META) for sizes, strides, dtype in layouts
    )
    return made[0] if len(made) == 1 else made


def _remember(key: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any, in_place: bool) -> None:
    read = list(tensors_in((*args, *kwargs.values())))
    made = (result,) if isinstance(result, Tensor) else result
    if not isinstance(made, tuple) or not all(isinstance(tensor, Tensor) for tensor in made):
        return
    if not all(tensor.is_meta for tensor in (*read, *made)):
        return
    if len(_remembered) >= _LARGEST:
        _remembered.clear()
    if in_place:
        if result is args[0]:
            _remembered[key] = _IN_PLACE
        return
    memory = {tensor.untyped_storage()._cdata for tensor in read}
    if all(tensor.untyped_storage()._cdata not in memory for tensor in made):
        _remembered[key] = tuple((tuple(t.shape), t.stride(), t.dtype) for t in made)


def _key(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([_part(value) for value in values])


def _part(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.dtype, value.is_meta
    if isinstance(value, (list, tuple)):
        return type(value), _key(value)
    return type(value), value

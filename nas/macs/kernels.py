"""Results of ops on meta tensors, remembered, since PyTorch takes up to milliseconds for one."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from nas.macs.layouts import MAX_POOL, RULES, shape_of_result
from nas.macs.memory import tensors_in
from nas.macs.meta import META

_LARGEST = 100_000
_Layout = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]
"""Sizes, strides and type of a result."""

_IN_PLACE: tuple[_Layout, ...] = ()
_ELEMENTWISE_IN_PLACE = (torch.ops.aten.hardswish_.default,)  # not tagged as such
_remembered: dict[Any, tuple[_Layout, ...]] = {}


def run_meta(function: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What `function(*args, **kwargs)` gives on the meta device.

    The layout of a result follows from the layouts of the arguments, so each is worked out once,
    by the op's own meta kernel; that one also refuses what does not fit. Only results in new
    memory, and elementwise ops in place, are remembered.
    """
    in_place = function._schema.is_mutable
    elementwise = torch.Tag.pointwise in function.tags or function in _ELEMENTWISE_IN_PLACE
    if function.is_view or (in_place and not elementwise):
        return function(*args, **kwargs)
    key = (function, _key(args), _key(tuple(kwargs.items())))
    layouts = _remembered.get(key)
    if layouts is None:
        layouts = _layouts_by_rule(function, args, kwargs, in_place)
        if layouts is None:
            result = function(*args, **kwargs)
            _remember(key, args, kwargs, result, in_place)
            return result
        _keep(key, layouts)
    if in_place:
        return args[0]
    made = tuple(
        torch.empty_strided(sizes, strides, dtype=dtype, device=META)
        for sizes, strides, dtype in layouts
    )
    return made[0] if len(made) == 1 else made


def _layouts_by_rule(
    function: OpOverload, args: Sequence[Any], kwargs: dict[str, Any], in_place: bool
) -> tuple[_Layout, ...] | None:
    namespace, _, name = function._schema.name.partition("::")
    rule = RULES.get(name.removesuffix("_")) if namespace == "aten" else None
    if rule is None:
        return None
    shape = shape_of_result(rule, args, kwargs)
    if shape is None:
        return None
    if in_place:
        return _IN_PLACE if shape == tuple(args[0].shape) else None
    first = args[0] if isinstance(args[0], Tensor) else args[0][0]
    dtypes = (first.dtype, torch.int64) if rule is MAX_POOL else (first.dtype,)
    return tuple((shape, _dense_strides(shape), dtype) for dtype in dtypes)


def _dense_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def _keep(key: Any, layouts: tuple[_Layout, ...]) -> None:
    if len(_remembered) >= _LARGEST:
        _remembered.clear()
    _remembered[key] = layouts


def _remember(
    key: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any, in_place: bool
) -> None:
    read = list(tensors_in((*args, *kwargs.values())))
    made = (result,) if isinstance(result, Tensor) else result
    if not isinstance(made, tuple) or not all(isinstance(tensor, Tensor) for tensor in made):
        return
    if not all(tensor.is_meta for tensor in (*read, *made)):
        return
    if in_place:
        if result is args[0]:
            _keep(key, _IN_PLACE)
        return
    memory = {tensor.untyped_storage()._cdata for tensor in read}
    if all(tensor.untyped_storage()._cdata not in memory for tensor in made):
        _keep(key, tuple((tuple(t.shape), t.stride(), t.dtype) for t in made))


def _key(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([_part(value) for value in values])


def _part(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.dtype, value.is_meta
    if isinstance(value, (list, tuple)):
        return type(value), _key(value)
    return type(value), value

"""Which ops are known: those of our convention, those that cost nothing, and ops of one's own."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._ops import OpOverload

from nas.macs.formulas import FORMULAS
from nas.macs.ignored import IGNORED

OpHandle = Callable[[Sequence[Any], Sequence[Any]], int]
"""From the arguments and the outputs of a call to its multiply-adds."""

_handles: dict[str, OpHandle] = {}


def register_op(name: str, handle: OpHandle) -> None:
    """Let calls of the op `name`, as `my_library::my_op`, cost what `handle` says.

    It is given all arguments in the order of the op's schema, left out ones with their defaults,
    and all outputs. Tensors among them are on the meta device: they have shapes and no values.
    0 is for an op that multiplies and adds nothing. The op itself needs a fake implementation
    (`torch.library.register_fake`), as counting runs it without values.
    Raises ValueError for an op that is known already.
    """
    namespace, _, op = name.partition("::")
    if not (namespace and op):
        raise ValueError(f"an op is named as my_library::my_op, not {name!r}")
    if name in _handles or (namespace == "aten" and _is_of_ours(op)):
        raise ValueError(f"op {name!r} is known already")
    _handles[name] = handle


def _is_of_ours(op: str) -> bool:
    packet = getattr(torch.ops.aten, op, None)
    functions = [] if packet is None else [getattr(packet, name) for name in packet.overloads()]
    free = any(costs_nothing(function) for function in functions)
    return op.removesuffix("_") in FORMULAS or free


def handle_of(function: OpOverload) -> OpHandle | None:
    """The handle that was registered for that op."""
    return _handles.get(function._schema.name)


def costs_nothing(function: OpOverload) -> bool:
    """Whether it is a view, elementwise, or on the list of ignored ops."""
    namespace, _, op = function._schema.name.partition("::")
    listed = namespace == "aten" and op.removesuffix("_") in IGNORED
    return function.is_view or torch.Tag.pointwise in function.tags or listed


def handled_macs(
    handle: OpHandle, function: OpOverload, args: Sequence[Any], kwargs: dict[str, Any], result: Any
) -> int:
    """What the handle says of a call. Raises ValueError for what is no number of multiply-adds."""
    left_out = function._schema.arguments[len(args) :]
    arguments = [*args, *(kwargs.get(item.name, item.default_value) for item in left_out)]
    macs = handle(arguments, result if isinstance(result, tuple | list) else (result,))
    if not isinstance(macs, int) or macs < 0:
        raise ValueError(f"the handle of {function._schema.name} gives {macs!r} multiply-adds")
    return macs

"""Networks on the meta device, where tensors have shapes and no values."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors

from nas.errors import NasError

META = torch.device("meta")

_INITIALISERS = frozenset(
    (
        nn.init.kaiming_normal_,
        nn.init.kaiming_uniform_,
        nn.init.normal_,
        nn.init.uniform_,
        nn.init.constant_,
        Tensor.fill_,
        Tensor.zero_,
        Tensor.normal_,
        Tensor.uniform_,
    )
)


_INTEGERS = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


class WithoutWeights(TorchFunctionMode):
    """Modules built inside are on the meta device, as under `torch.device("meta")`, in less time.

    Initial values, which a meta tensor does not have, are not computed either.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function in _INITIALISERS:
            return args[0] if args else kwargs["tensor"]
        if function in _device_constructors():
            kwargs = {**kwargs, "device": META}
        return function(*args, **kwargs)


class _CopyToMeta(TorchFunctionMode):
    """Inside, `copy.deepcopy` makes meta tensors of the same shapes, and reads no value.

    But of whole numbers and booleans, as of masks and lengths, which decide about shapes.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if function is Tensor.clone:  # what Parameter.__deepcopy__ calls
            return torch.empty_like(args[0], device=META)
        if function is Tensor.__deepcopy__:
            tensor, memo = args
            if id(tensor) not in memo:
                kept = tensor.dtype in _INTEGERS and not tensor.is_meta
                copied = (
                    tensor.detach().cpu().clone() if kept else torch.empty_like(tensor, device=META)
                )
                memo[id(tensor)] = copied
            return memo[id(tensor)]
        return function(*args, **(kwargs or {}))


def on_meta(module: nn.Module) -> bool:
    """Whether every weight and buffer of `module` is on meta, and there is at least one."""
    tensors = [
        tensor
        for part in module.modules()
        for tensor in (*part._parameters.values(), *part._buffers.values())
        if tensor is not None
    ]
    return bool(tensors) and all(tensor.is_meta for tensor in tensors)


def meta_copy(module: nn.Module) -> nn.Module:
    """A copy of `module` on the meta device, with shared weights still shared; no weight is copied.

    Raises NasError for lazy layers, which have no shapes yet, for TorchScript, whose parts can't be
    watched, and for modules that can't be copied.
    """
    for path, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise NasError(
                f"{f'layer {path!r}' if path else 'the network'} is TorchScript, whose layers "
                "can't be watched: count the module that it was made from"
            )
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if isinstance(tensor, (UninitializedBuffer, UninitializedParameter)):
            raise NasError(f"{name} has no shape yet: run the lazy layers once before counting")
    try:
        with _CopyToMeta():
            copied = copy.deepcopy(module)
    except (RuntimeError, TypeError, ValueError) as error:
        raise NasError(f"{type(module).__name__} can't be copied to be counted: {error}") from error
    for part in copied.modules():
        if isinstance(part, nn.DataParallel):
            part.device_ids = []  # else it asks where its weights are
    return copied

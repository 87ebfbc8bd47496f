"""Multiply-adds as ptflops counts them: release 0.6.4 rebuilt, and today's two backends."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from math import prod
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.macs.kinds import Kind, kind_of_function, kind_of_module

_CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
_NEVER = (
    nn.GELU,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
)


def count_ptflops_0_6_4(module: nn.Module, input_shape: Sequence[int]) -> tuple[int, Counter[Kind]]:
    """The total of `get_model_complexity_info` of ptflops 0.6.4 for one sample, and by kind of op.

    Layers alone are counted, by their exact class, functions never: convolutions by their output
    (the transposed ones too) and linear layers, with biases; batch normalisation 2 an element, the
    ReLU family, pooling and upsampling 1. `module` has weights, and is in evaluation mode.

    Source: ptflops 0.6.4, flops_counter.py, MODULES_MAPPING and its hooks. Raises ValueError for
    recurrent layers, which that version counted too.
    """
    amounts: Counter[Kind] = Counter()

    def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
        amounts.update(_amounts(layer, inputs, output))

    handles = [part.register_forward_hook(hook) for part in module.modules()]
    try:
        with torch.no_grad():
            module(torch.zeros(1, *input_shape))
    finally:
        for handle in handles:
            handle.remove()
    return sum(amounts.values()), amounts


def _amounts(layer: Any, inputs: Any, output: Any) -> dict[Kind, int]:
    kind = kind_of_module(layer)
    exact = type(layer).__module__.startswith("torch.nn.modules") and not isinstance(layer, _NEVER)
    if kind is None or not exact:
        return {}
    x: Tensor = inputs[0]
    if kind is Kind.CONVOLUTION and isinstance(layer, _CONVOLUTIONS):
        places = prod(output.shape[2:])
        filters = layer.in_channels * (layer.out_channels // layer.groups)
        bias = 0 if layer.bias is None else layer.out_channels * places
        return {kind: prod(layer.kernel_size) * filters * places, Kind.BIAS: bias}
    if kind is Kind.PRODUCT and type(layer) is nn.Linear:
        bias = 0 if layer.bias is None else output.shape[-1]
        return {kind: x.numel() * output.shape[-1], Kind.BIAS: bias}
    if kind is Kind.NORMALISATION:
        return {kind: x.numel() * (2 if layer.affine else 1)}
    if kind is Kind.POOLING:
        return {kind: x.numel()}
    if kind in (Kind.ACTIVATION, Kind.RESIZE):
        return {kind: output.numel()}
    if kind is Kind.RECURRENT:
        raise ValueError(f"ptflops 0.6.4 is not reproduced for {type(layer).__name__}")
    return {}


Hook = Callable[[nn.Module, Any, Any], None]


def count_ptflops(
    module: nn.Module, input_shape: Sequence[int], backend: Literal["pytorch", "aten"]
) -> tuple[int, Counter[Kind]]:
    """The total of `ptflops.get_model_complexity_info` for one sample, and by kind of op.

    The amounts are those that ptflops' own formulas give while it counts; biases are what a
    formula gives less without the bias. `module` has weights, and is left with ptflops' hooks on
    it.

    Raises NasError where ptflops can't count the module or can't be imported.
    """
    try:
        from ptflops import aten_engine, get_model_complexity_info, pytorch_engine
    except (ImportError, RuntimeError) as error:  # it imports torchvision and timm where it can
        raise NasError(f"ptflops can't be imported: {str(error).splitlines()[0]}") from error
    amounts: Counter[Kind] = Counter()
    printed = StringIO()
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(printed))
        stack.enter_context(redirect_stderr(printed))
        stack.enter_context(_recording_modules(pytorch_engine, amounts))
        stack.enter_context(_recording_functions(pytorch_engine, "FUNCTIONAL_MAPPING", amounts))
        stack.enter_context(_recording_functions(pytorch_engine, "TENSOR_OPS_MAPPING", amounts))
        stack.enter_context(_recording_aten(aten_engine, amounts))
        total, _ = get_model_complexity_info(
            module,
            tuple(input_shape),
            print_per_layer_stat=False,
            as_strings=False,
            backend=backend,
        )
    if total is None:
        reason = next((line for line in printed.getvalue().splitlines() if "Error" in line), "")
        raise NasError(f"ptflops (backend {backend}) can't count this network: {reason}")
    amounts[Kind.REMAINDER] += int(total) - sum(amounts.values())
    return int(total), amounts


@contextmanager
def _replaced(module: ModuleType, name: str, mapping: dict[Any, Any]) -> Iterator[None]:
    original = getattr(module, name)
    setattr(module, name, mapping)
    try:
        yield
    finally:
        setattr(module, name, original)


@contextmanager
def _recording_modules(engine: ModuleType, amounts: Counter[Kind]) -> Iterator[None]:
    def recording(hook: Hook, kind: Kind) -> Hook:
        def record(module: Any, inputs: Any, output: Any) -> None:
            before = module.__flops__
            hook(module, inputs, output)
            amount = module.__flops__ - before
            bias = amount - _without_bias(hook, module, inputs, output, amount)
            amounts[kind] += amount - bias
            amounts[Kind.BIAS] += bias

        return record

    mapping = {
        layer: recording(hook, kind_of_module(layer) or Kind.REMAINDER)
        for layer, hook in engine.MODULES_MAPPING.items()
    }
    with _replaced(engine, "MODULES_MAPPING", mapping):
        yield


def _without_bias(hook: Hook, module: Any, inputs: Any, output: Any, amount: int) -> int:
    """What `hook` adds when `module` has no bias; `amount` where it has none."""
    bias = module._parameters.get("bias")
    if bias is None or kind_of_module(module) not in (Kind.CONVOLUTION, Kind.PRODUCT):
        return amount
    counted = module.__flops__
    module._parameters["bias"] = None
    try:
        hook(module, inputs, output)
        return int(module.__flops__ - counted)
    finally:
        module._parameters["bias"] = bias
        module.__flops__ = counted


@contextmanager
def _recording_functions(engine: ModuleType, name: str, amounts: Counter[Kind]) -> Iterator[None]:
    def recording(handler: Callable[..., Any], kind: Kind) -> Callable[..., Any]:
        def record(*args: Any, **kwargs: Any) -> Any:
            amount = handler(*args, **kwargs)
            amounts[kind] += int(amount)
            return amount

        return record

    mapping = {
        function: recording(handler, kind_of_function(function.__name__))
        for function, handler in getattr(engine, name).items()
    }
    with _replaced(engine, name, mapping):
        yield


@contextmanager
def _recording_aten(engine: ModuleType, amounts: Counter[Kind]) -> Iterator[None]:
    def recording(formula: Callable[..., Any], name: str) -> Callable[..., Any]:
        bias_place = {"convolution": 2, "_convolution": 2, "addmm": 0}.get(name)

        def record(inputs: Any, outputs: Any) -> Any:
            amount = formula(inputs, outputs)
            bias = 0
            if bias_place is not None and inputs[bias_place] is not None:
                unbiased = list(inputs)
                unbiased[bias_place] = None
                bias = amount - formula(unbiased, outputs)
            amounts[kind_of_function(name)] += amount - bias
            amounts[Kind.BIAS] += bias
            return amount

        return record

    mapping = {
        packet: recording(formula, packet.__name__)
        for packet, formula in engine.ATEN_OPS_MAPPING.items()
    }
    with _replaced(engine, "ATEN_OPS_MAPPING", mapping):
        yield

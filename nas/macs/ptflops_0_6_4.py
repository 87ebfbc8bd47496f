"""Counts of ptflops 0.6.4, the version of the original competition's score."""

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from nas.macs.kinds import Kind, kind_of_module

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

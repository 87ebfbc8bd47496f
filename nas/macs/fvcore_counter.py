"""What fvcore's FlopCountAnalysis counts."""

import warnings
from collections import Counter
from collections.abc import Sequence

import torch
from torch import nn

from nas.macs.kinds import Kind

_KINDS = {
    "conv": Kind.CONVOLUTION,
    "addmm": Kind.PRODUCT,
    "bmm": Kind.PRODUCT,
    "einsum": Kind.PRODUCT,
    "linear": Kind.PRODUCT,
    "matmul": Kind.PRODUCT,
    "mm": Kind.PRODUCT,
    "batch_norm": Kind.NORMALISATION,
    "group_norm": Kind.NORMALISATION,
    "instance_norm": Kind.NORMALISATION,
    "layer_norm": Kind.NORMALISATION,
    "adaptive_avg_pool2d": Kind.POOLING,
    "grid_sampler": Kind.RESIZE,
    "upsample_bilinear2d": Kind.RESIZE,
    "upsample_nearest2d": Kind.RESIZE,
}


def count_fvcore(module: nn.Module, input_shape: Sequence[int]) -> tuple[int, Counter[Kind]]:
    """fvcore's total for one sample, and by kind of op. `module` has weights, on the CPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore uses torch.jit.script, which is deprecated
        from fvcore.nn import FlopCountAnalysis
    analysis = FlopCountAnalysis(module, (torch.zeros(1, *input_shape),))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        analysis.tracer_warnings("none")
        operators = analysis.by_operator()
        total = int(analysis.total())
    amounts: Counter[Kind] = Counter()
    for operator, amount in operators.items():
        amounts[_KINDS.get(operator, Kind.REMAINDER)] += int(amount)
    amounts[Kind.REMAINDER] += total - sum(amounts.values())
    return total, amounts

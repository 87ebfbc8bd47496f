"""MACs of a network by other counters' conventions, by kind of op."""

import copy
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from nas.macs.count import countable, evaluating
from nas.macs.kinds import Kind, kind_of_module
from nas.macs.meta import meta_copy, on_meta
from nas.macs.ptflops import count_ptflops, count_ptflops_0_6_4
from nas.macs.trace import trace_forward

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


OURS = "ours"
Count = Callable[[nn.Module], tuple[int, Counter[Kind]]]


@dataclass(frozen=True)
class Comparison:
    """Counts of one network by counter and kind of op, which show why the counters differ."""

    amounts: dict[str, Counter[Kind]]
    """By counter (`ours`, `fvcore`, `ptflops`, `ptflops_aten`, `ptflops_0_6_4`) and kind of op."""
    totals: dict[str, int]
    """Each counter's own total; its amounts sum to it."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why a counter can't count this network, by its name: it is in neither of the others."""

    def kinds(self) -> list[Kind]:
        """The kinds that some counter has an amount for."""
        return [kind for kind in Kind if any(amounts[kind] for amounts in self.amounts.values())]


def compare_counters(module: nn.Module, input_shape: Sequence[int]) -> Comparison:
    """Our count and those of fvcore, ptflops (both backends) and ptflops 0.6.4, of one sample.

    The others run copies of `module` on the CPU, since fvcore can't use the meta device; weights
    that are on meta are taken as zeros. ptflops 0.6.4 is left out for recurrent layers. A module
    with a method `for_counting` is counted as `countable` has it.

    What one of the others can't count is in `failed`. Raises NasError where ours can't.
    """
    module = countable(module)
    counters: dict[str, Count] = {
        "fvcore": lambda copied: count_fvcore(copied, input_shape),
        "ptflops": lambda copied: count_ptflops(copied, input_shape, "pytorch"),
        "ptflops_aten": lambda copied: count_ptflops(copied, input_shape, "aten"),
    }
    if not any(isinstance(part, (nn.RNNBase, nn.RNNCellBase)) for part in module.modules()):
        counters["ptflops_0_6_4"] = lambda copied: count_ptflops_0_6_4(copied, input_shape)
    results = {OURS: _count_ours(module, input_shape)}
    failed = {}
    for name, count in counters.items():
        try:
            results[name] = count(_cpu_copy(module))
        except (Exception, SystemExit) as error:  # whatever another package raises
            failed[name] = str(error).strip().split("\n")[0] or type(error).__name__
    return Comparison(
        amounts={name: amounts for name, (_, amounts) in results.items()},
        totals={name: total for name, (total, _) in results.items()},
        failed=failed,
    )


def _count_ours(module: nn.Module, input_shape: Sequence[int]) -> tuple[int, Counter[Kind]]:
    shapes = module if on_meta(module) else meta_copy(module)
    with evaluating(shapes):
        trace = trace_forward(shapes, [input_shape], dict(shapes.named_modules()))
    amounts: Counter[Kind] = Counter()
    for (path, op), macs in trace.macs.items():
        kind = kind_of_module(shapes.get_submodule(path))
        if kind not in (Kind.RECURRENT, Kind.ATTENTION):
            kind = Kind.CONVOLUTION if "convolution" in op else Kind.PRODUCT
        amounts[kind] += macs
    return sum(amounts.values()), amounts


def _cpu_copy(module: nn.Module) -> nn.Module:
    if not on_meta(module):
        return copy.deepcopy(module).to("cpu", torch.float32).eval()
    copied = copy.deepcopy(module).to_empty(device="cpu").eval()
    for tensor in (*copied.parameters(), *copied.buffers()):
        tensor.detach().zero_()
    return copied

"""One forward pass on the meta device, op by op."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from nas.errors import NasError
from nas.macs.detectors import stated_boxes
from nas.macs.kernels import run_meta
from nas.macs.memory import ActivationMemory, tensors_in
from nas.macs.meta import META
from nas.macs.ops import (
    CONVOLUTIONS,
    FORMULAS,
    Formula,
    OpHandle,
    costs_nothing,
    handle_of,
    handled_macs,
)

_ATEN = torch.ops.aten
_MAY_RUN_IN_PLACE = {
    *("native_batch_norm", "_native_batch_norm_legit_no_training", "relu", "relu6", "hardtanh"),
    *("clamp", "clamp_min", "clamp_max", "hardswish", "hardsigmoid", "sigmoid", "silu", "tanh"),
    *("leaky_relu", "elu", "gelu", "mish", "softplus", "threshold", "prelu", "_prelu_kernel"),
}
"""Batch-norm, and activation functions of one input, under the names that the dispatcher sees."""
_READS_VALUES = ("_local_scalar_dense", "nonzero", "nonzero_numpy", "masked_select", "equal")
_TAKES_CONSTANTS = ("index", "index_put", "_unsafe_index", "_pack_padded_sequence")
"""Ops for whose shapes a tensor's values count: masks, lengths of sequences."""


@dataclass(frozen=True)
class Trace:
    """Costs of one sample's forward pass."""

    macs: Counter[tuple[str, str]]
    """Multiply-adds by path of the innermost watched module and by op."""
    outputs: dict[str, tuple[int, ...]]
    """Shape of the (first) output of each watched module, without the batch axis."""
    peak_activation_bytes: int
    peak_with_input_bytes: int
    """The same if the input is kept to the end, for later blocks."""
    convolution_outputs: int
    """Elements that convolutions put out."""
    assumed: tuple[str, ...] = ()
    """What was taken for known, in words: how many boxes a detector finds."""


def trace_forward(
    module: nn.Module, input_shapes: Sequence[Sequence[int]], watched: Mapping[str, nn.Module]
) -> Trace:
    """Run `module`, which is on the meta device and in evaluation mode, on one sample.

    Args:
        module: Takes one float tensor `(1, *shape)`, or where several shapes are given a list.
        input_shapes: Without the batch axis.
        watched: Modules by path, to which ops are attributed.

    Raises NasError naming op and layer for an op that is neither counted nor known to cost
    nothing, for a module that looks at values, and for one that can't take the input.
    """
    stack = [""]
    outputs: dict[str, tuple[int, ...]] = {}
    mode = _Counting(stack)
    dtype = _input_dtype(module)
    tensors = [torch.empty((1, *shape), device=META, dtype=dtype) for shape in input_shapes]
    x = tensors[0] if len(tensors) == 1 else tensors
    mode.memory.add_input(x)
    with (
        stated_boxes(module) as assumed,
        _attributed(watched, stack, outputs),
        torch.no_grad(),
    ):
        try:
            with mode:
                result = module(x)
        except NasError:
            raise
        except (Exception, SystemExit) as error:  # whatever the user's own forward raises
            shape = ", ".join("x".join(map(str, shape)) for shape in input_shapes)
            reason = str(error).split("\n")[0] or type(error).__name__
            if "meta" in reason:
                reason = f"it looks at values, and counting has only shapes ({reason})"
            raise NasError(f"{_place(stack)} can't run on an input of {shape}: {reason}") from error
    peak, with_input = mode.memory.peak_bytes(result), mode.memory.peak_bytes((x, result))
    macs, convolved = mode.macs, mode.convolution_outputs
    return Trace(macs, outputs, peak, with_input, convolved, tuple(assumed))


class _Counting(TorchDispatchMode):
    """Counts every op that runs inside."""

    def __init__(self, stack: list[str]) -> None:
        TorchDispatchMode.__init__(self)
        self.macs: Counter[tuple[str, str]] = Counter()
        self.memory = ActivationMemory()
        self.convolution_outputs = 0
        self._stack = stack
        self._rules: dict[OpOverload, _Rule] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # The default, True, imports torch.compile, which takes longer than torch itself.
        return False

    def __torch_dispatch__(
        self,
        function: OpOverload,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        rule = self._rules.get(function)
        if rule is None:
            rule = self._rules[function] = _rule_for(function, self._stack)
        tensors = list(tensors_in((*args, *kwargs.values())))
        if self._is_constant(function, args, kwargs, tensors):
            result = function(*args, **kwargs)
        elif rule.reads_values:
            raise NasError(
                f"{_place(self._stack)} looks at values ({function._schema.name.split('::')[1]}), "
                "and counting has only shapes"
            )
        elif all(tensor.is_meta or tensor.dim() == 0 for tensor in tensors):
            result = rule.run(function, args, kwargs)
        elif rule.name in _TAKES_CONSTANTS:
            result = function(*args, **kwargs)
        else:
            result = rule.run(function, _on_meta(args), _on_meta(kwargs))
        if rule.formula is not None:
            first = result if isinstance(result, Tensor) else result[0]
            self.macs[self._stack[-1], rule.name] += rule.formula(args, first)
            if rule.name in CONVOLUTIONS:
                self.convolution_outputs += first.numel()
        elif rule.handle is not None:
            macs = handled_macs(rule.handle, function, args, kwargs, result)
            self.macs[self._stack[-1], rule.name] += macs
        self.memory.step(
            (*args, *kwargs.values()), result, is_view=rule.is_view, in_place=rule.in_place
        )
        return result

    def _is_constant(
        self,
        function: OpOverload,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        tensors: Sequence[Tensor],
    ) -> bool:
        """Whether the result depends on no input and no weight: its values are known then.

        Such are made of numbers, or of tensors that the network holds elsewhere than in its weights
        and buffers. Nothing is drawn at random, and nothing written that was there before.
        """
        if any(tensor.is_meta for tensor in tensors) or _place_of(kwargs).type != "cpu":
            return False
        if torch.Tag.nondeterministic_seeded in function.tags:
            return False
        if not function._schema.is_mutable:
            return True
        return bool(tensors) and self.memory.made(args[0] if args else tensors[0])


def _place_of(kwargs: Mapping[str, Any]) -> torch.device:
    """Where a tensor is asked for; the CPU where it isn't said."""
    return torch.device(kwargs.get("device") or "cpu")


def _on_meta(values: Any) -> Any:
    """The values with tensors that have shapes only; single numbers stay, as they go with all."""
    if isinstance(values, Tensor):
        return (
            values if values.is_meta or values.dim() == 0 else torch.empty_like(values, device=META)
        )
    if isinstance(values, dict):
        return {key: _on_meta(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return type(values)([_on_meta(value) for value in values])
    return values


Run = Callable[[OpOverload, Sequence[Any], dict[str, Any]], Any]


@dataclass(frozen=True)
class _Rule:
    """How one op is run and counted."""

    name: str
    formula: Formula | None
    handle: OpHandle | None
    is_view: bool
    in_place: bool
    """Whether an executor may write its result over its input."""
    reads_values: bool
    run: Run


def _rule_for(function: OpOverload, stack: Sequence[str]) -> _Rule:
    namespace, _, full_name = function._schema.name.partition("::")
    name = full_name.removesuffix("_")
    formula = FORMULAS.get(name) if namespace == "aten" else None
    reads_values = namespace == "aten" and name in _READS_VALUES
    handle = handle_of(function)
    if formula is None and handle is None and not (reads_values or costs_nothing(function)):
        raise NasError(
            f"{_place(stack)} uses {namespace}.{full_name}, which is neither counted nor known to "
            f"cost nothing; nas.register_op({function._schema.name!r}, ...) says what it costs"
        )
    run = _runner(function)
    in_place = namespace == "aten" and name in _MAY_RUN_IN_PLACE
    return _Rule(name, formula, handle, function.is_view, in_place, reads_values, run)


def _runner(function: OpOverload) -> Run:
    if function is _ATEN.native_batch_norm.default:
        return _run_batch_norm
    if function is _ATEN._nested_tensor_from_mask_left_aligned.default:
        return _run_mask_check
    if any(argument.name == "device" for argument in function._schema.arguments):
        return _run_on_meta
    return run_meta


def _run_on_meta(function: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Tensors that a forward pass makes, or moves to a device, stay on meta."""
    return run_meta(function, args, {**kwargs, "device": META})


def _run_mask_check(function: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """False: an encoder then computes on padding too, as it does on devices without a fast path."""
    return False


def _run_batch_norm(function: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    # The slowest meta kernel of all, and the shape is that of the input.
    if not args[0].is_contiguous():
        return run_meta(function, args, kwargs)
    result = torch.empty(args[0].shape, dtype=args[0].dtype, device=META)
    return result, torch.empty((0,), device=META), torch.empty((0,), device=META)


@contextmanager
def _attributed(
    watched: Mapping[str, nn.Module], stack: list[str], outputs: dict[str, tuple[int, ...]]
) -> Iterator[None]:
    handles = []

    def watch(path: str, module: nn.Module) -> None:
        def enter(module: nn.Module, inputs: Any) -> None:
            stack.append(path)
            outputs.setdefault(path, ())

        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            stack.pop()
            first = next(tensors_in((output,)), None)
            outputs[path] = () if first is None else tuple(first.shape[1:])

        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(leave))

    for path, module in watched.items():
        watch(path, module)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _input_dtype(module: nn.Module) -> torch.dtype:
    for parameter in module.parameters():
        if parameter.is_floating_point():
            return parameter.dtype
    return torch.float32


def _place(stack: Sequence[str]) -> str:
    return f"layer {stack[-1]!r}" if stack[-1] else "the network"

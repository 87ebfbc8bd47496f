"""Multiply-adds, parameters and activation memory of a network, exact and without running it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

from torch import nn

from nas.errors import NasError
from nas.macs.memory import FLOAT32_BYTES, DeviceMemory, weight_bytes
from nas.macs.meta import meta_copy, on_meta
from nas.macs.trace import Trace, trace_forward

Path = str | None
"""Path of a row's module: "" is the network, None is everything without a row of its own."""


@dataclass(frozen=True)
class Row:
    """MACs and weights of one module, including submodules without a row of their own."""

    path: Path
    macs: int
    parameters: int


@dataclass(frozen=True)
class Plan:
    """The modules to watch, and how they are grouped into rows."""

    watched: dict[str, nn.Module]
    depth: int | None
    ours: bool
    """Whether it is a network of our blocks: each one is a row, those without multiply-adds too."""

    def rows(self, module: nn.Module, trace: Trace) -> list[Row]:
        """The rows in order of execution. Each multiply-add and each weight is in exactly one."""
        macs: dict[Path, int] = dict.fromkeys(self.watched, 0) if self.ours else {}
        for (path, _), amount in trace.macs.items():
            key = self._gathered(path)
            macs[key] = macs.get(key, 0) + amount
        parameters: dict[Path, int] = {}
        for name, parameter in module.named_parameters():
            owner = self._owner(name.rpartition(".")[0], macs)
            parameters[owner] = parameters.get(owner, 0) + parameter.numel()
        paths = [*macs, *(path for path in parameters if path not in macs)]
        return [Row(path, macs.get(path, 0), parameters.get(path, 0)) for path in paths]

    def name(self, path: str) -> str:
        """What a report calls the row of the module at `path`: of our own blocks the last word."""
        short = path.removeprefix("layers.")
        return short if self.ours and short != "head" else path or "network"

    def _gathered(self, path: str) -> str:
        return path if self.depth is None else ".".join(path.split(".")[: self.depth])

    def _owner(self, path: str, rows: dict[Path, int]) -> Path:
        """The row of a weight of the module at `path`: its own, or the nearest one around it."""
        if self.depth is not None:
            return self._gathered(path)
        while path not in rows and path:
            path = path.rpartition(".")[0]
        return path if path in rows else None


def plan_rows(module: nn.Module, depth: int | None) -> Plan:
    """One row a block for our own networks (`layers` and `head`) unless a depth is given.

    For others one row for each module that does multiply-adds itself; what the rest holds is one
    row more.
    """
    layers, head = getattr(module, "layers", None), getattr(module, "head", None)
    children = [name for name, _ in module.named_children()]
    ours = isinstance(layers, nn.Sequential) and children == ["layers", "head"]
    if not ours or depth is not None:
        return Plan(dict(module.named_modules()), depth, ours=False)
    assert isinstance(layers, nn.Sequential)
    assert isinstance(head, nn.Module)
    watched = {f"layers.{name}": block for name, block in layers.named_children()}
    if not isinstance(head, nn.Sequential) or len(head):
        watched["head"] = head
    return Plan(watched, None, ours=True)


@dataclass(frozen=True)
class LayerMacs:
    """One row of a report."""

    name: str
    block: str
    output: tuple[int, ...]
    """Shape of its output without the batch axis; empty for the row of everything else."""
    macs: int
    parameters: int


@dataclass(frozen=True)
class MacsReport:
    """Cost of one sample's forward pass in evaluation mode."""

    total: int
    """Multiply-adds of convolutions, linear and recurrent layers, matrix products, attention."""
    parameters: int
    """Weights, those that several layers share counted once."""
    peak_activation_bytes: int
    """As defined by `nas.macs.memory.ActivationMemory`."""
    weight_bytes: tuple[int, int]
    """At int8 and at float32, as defined by `nas.macs.memory.DeviceMemory`."""
    input: tuple[int, ...]
    layers: tuple[LayerMacs, ...]
    """In order of execution; their MACs sum to `total` and their parameters to `parameters`."""
    assumed: tuple[str, ...] = ()
    """What was taken for known, in words: how many boxes torchvision's detectors find."""

    @property
    def memory(self) -> DeviceMemory:
        """What it takes on a device."""
        ram_int8 = ceil(self.peak_activation_bytes / FLOAT32_BYTES)
        return DeviceMemory(*self.weight_bytes, ram_int8, self.peak_activation_bytes)


def count_macs(
    module: nn.Module, input_shape: tuple[int, ...], *, depth: int | None = None
) -> MacsReport:
    """The cost of `module` on one sample, counted on the meta device, which holds no weights.

    A module with weights is left as it is: a copy without weights is run. One that is on the meta
    device itself is run as it is, in evaluation mode for that time.

    Args:
        module: Takes one float tensor `(N, *input_shape)`; counted is what `countable` makes of it.
        input_shape: `(C, H, W)` of an image; any shape without the batch axis.
        depth: Rows are the modules this many names deep. None is one row a block for our own
            networks, and for others one row for each module that does multiply-adds itself.

    Raises NasError for an op that is neither counted nor known to cost nothing, for a module that
    looks at values, and for an input that it can't take.
    """
    if not input_shape or any(not isinstance(size, int) or size < 1 for size in input_shape):
        raise NasError(
            f"an input of {input_shape} is not allowed: every size is a whole number from 1"
        )
    if depth is not None and depth < 1:
        raise NasError(f"a depth of {depth} is not allowed: at least 1")
    module = countable(module)
    shapes = module if on_meta(module) else meta_copy(module)
    plan = plan_rows(shapes, depth)
    with evaluating(shapes):
        trace = trace_forward(shapes, [input_shape], plan.watched)
    return _report(shapes, plan, trace, tuple(input_shape))


def countable(module: nn.Module) -> nn.Module:
    """What its method `for_counting` gives, of a module that has one; else the module itself.

    Parts that look at values, as the suppression of a detector does, multiply and add nothing: they
    are left out there.
    """
    method = getattr(module, "for_counting", None)
    counted: nn.Module = method() if callable(method) else module
    return counted


def _report(
    module: nn.Module, plan: Plan, trace: Trace, input_shape: tuple[int, ...]
) -> MacsReport:
    rows = plan.rows(module, trace)
    return MacsReport(
        total=sum(trace.macs.values()),
        parameters=sum(row.parameters for row in rows),
        peak_activation_bytes=trace.peak_activation_bytes,
        weight_bytes=weight_bytes(module),
        input=input_shape,
        layers=tuple(_layer(plan, row, trace) for row in rows),
        assumed=trace.assumed,
    )


def _layer(plan: Plan, row: Row, trace: Trace) -> LayerMacs:
    if row.path is None:
        return LayerMacs("other", "", (), row.macs, row.parameters)
    block = type(plan.watched[row.path]).__name__
    output = trace.outputs.get(row.path, ())
    return LayerMacs(plan.name(row.path), block, output, row.macs, row.parameters)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Inside, `module` is in evaluation mode; afterwards each part is as it was."""
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True

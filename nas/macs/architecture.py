"""The cost of an architecture block by block, each different block counted once."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod

from blocks import BlockConfig, Cost, Shape, pyramid_shape, shapes_in
from nas.errors import NasError
from nas.macs.count import LayerMacs, MacsReport
from nas.macs.memory import FLOAT32_BYTES, DeviceMemory, layer_bytes, weight_bytes
from nas.macs.meta import WithoutWeights
from nas.macs.trace import trace_forward
from nas.spec.definition import ArchitectureSpec, head_layers
from nas.spec.layers import Step, walk
from nas.spec.pyramid import out_indices
from nas.text_table import aligned


@dataclass(frozen=True)
class BlockCost:
    """Counted cost of one block on one sample."""

    macs: int
    parameters: int
    convolution_outputs: int
    peak_activation_bytes: int
    peak_with_input_bytes: int
    """The same if the block's input is kept to the end, for a later block."""
    weight_bytes: tuple[int, int]
    """At int8 and at float32, as defined by `nas.macs.memory.DeviceMemory`."""


@dataclass(frozen=True)
class BlockMemory:
    """Memory of one block on a device."""

    int8_bytes: int
    float32_bytes: int
    """Of its weights."""
    peak: int
    peak_with_input: int
    """Values alive at once; the second if the block's input is kept to the end."""


def count_architecture(architecture: ArchitectureSpec) -> MacsReport:
    """The report of `count_macs` for the built network with the blocks' names, many times faster.

    A network of ours is a chain of blocks, so its MACs and weights are sums over them, and its
    peak of activations is the largest of theirs, with the maps that are kept for a neck. The cost
    of a block follows from its config and input shape; it is remembered, so the candidates of a
    search, which share most of their blocks, cost little.

    Raises NasError for the block that can't be counted, ValueError for an architecture of another
    library.
    """
    if architecture.model is not None:
        raise ValueError(f"{architecture.model} has no blocks: build it and use count_macs")
    steps, head_steps = architecture.steps(), architecture.head_steps()
    costs = [_cost(step) for step in (*steps, *head_steps)]
    layers = [_row(step.name, (step,)) for step in steps]
    if head_steps:
        layers.append(_row("head", head_steps))
    return MacsReport(
        total=sum(cost.macs for cost in costs),
        parameters=sum(cost.parameters for cost in costs),
        peak_activation_bytes=max(_peaks(steps, architecture.out_indices()) + _peaks(head_steps)),
        weight_bytes=(
            sum(cost.weight_bytes[0] for cost in costs),
            sum(cost.weight_bytes[1] for cost in costs),
        ),
        input=architecture.input.shape,
        layers=tuple(layers),
    )


def device_memory(architecture: ArchitectureSpec) -> DeviceMemory:
    """`count_architecture(architecture).memory`, in closed form where the blocks have one.

    Fast enough for the thousands of candidates of a search.
    """
    # As `head_steps` and `out_indices` do, but for walking along the layers once.
    steps = architecture.steps()
    shapes = [step.out_shape for step in steps]
    kept = out_indices(shapes, architecture.input.shape) if architecture.detects else ()
    features = shapes[-1] if shapes else architecture.input.shape
    features = pyramid_shape(shapes[index] for index in kept) if kept else features
    head = head_layers(architecture.head, features, len(architecture.classes), architecture.neck)
    int8 = float32 = peak = held = 0
    for position, step in enumerate(steps):
        memory = _memory(step)
        int8, float32 = int8 + memory.int8_bytes, float32 + memory.float32_bytes
        if position - 1 in kept:
            peak = max(peak, held + memory.peak_with_input)
            held += prod(step.in_shape)
        else:
            peak = max(peak, held + memory.peak)
    for step in walk(head, features):  # its input are all the maps that were kept
        memory = _memory(step)
        int8, float32 = int8 + memory.int8_bytes, float32 + memory.float32_bytes
        peak = max(peak, memory.peak)
    return DeviceMemory(int8, float32, peak, FLOAT32_BYTES * peak)


def _peaks(steps: Sequence[Step], kept: Collection[int] = ()) -> list[int]:
    """Peak of activations, in bytes, in each block of a chain that keeps some of its outputs."""
    peaks, held = [0], 0
    for position, step in enumerate(steps):
        cost = _cost(step)
        input_kept = position - 1 in kept
        own = cost.peak_with_input_bytes if input_kept else cost.peak_activation_bytes
        peaks.append(held + own)
        if input_kept:
            held += FLOAT32_BYTES * prod(step.in_shape)
    return peaks


def _row(name: str, steps: Sequence[Step]) -> LayerMacs:
    costs = [_cost(step) for step in steps]
    return LayerMacs(
        name=name,
        block=steps[-1].config.name,
        output=tuple(steps[-1].out_shape),
        macs=sum(cost.macs for cost in costs),
        parameters=sum(cost.parameters for cost in costs),
    )


def _cost(step: Step) -> BlockCost:
    with _named(step):
        return block_cost(step.config, step.in_shape)


def _memory(step: Step) -> BlockMemory:
    with _named(step):
        return block_memory(step.config, step.in_shape)


@contextmanager
def _named(step: Step) -> Iterator[None]:
    """Errors with the block's name."""
    try:
        yield
    except NasError as error:
        raise NasError(f"{step.config.name} {step.name!r}: {error.problem}") from error


@lru_cache(maxsize=8_192)
def block_cost(config: BlockConfig, in_shape: Shape) -> BlockCost:
    """The cost of the block on one sample of that shape."""
    with WithoutWeights():
        block = config.build(in_shape)
    trace = trace_forward(block.eval(), shapes_in(in_shape), {})
    return BlockCost(
        macs=sum(trace.macs.values()),
        parameters=sum(parameter.numel() for parameter in block.parameters()),
        convolution_outputs=trace.convolution_outputs,
        peak_activation_bytes=trace.peak_activation_bytes,
        peak_with_input_bytes=trace.peak_with_input_bytes,
        weight_bytes=weight_bytes(block),
    )


@lru_cache(maxsize=65_536)
def block_memory(config: BlockConfig, in_shape: Shape) -> BlockMemory:
    """The memory of the block on one sample of that shape. Raises NasError as `block_cost`."""
    closed = config.memory(in_shape)
    if closed is None:
        cost = block_cost(config, in_shape)
        peaks = (cost.peak_activation_bytes, cost.peak_with_input_bytes)
        return BlockMemory(*cost.weight_bytes, *(ceil(peak / FLOAT32_BYTES) for peak in peaks))
    start = sum(map(prod, shapes_in(in_shape)))
    return BlockMemory(
        *layer_bytes(closed.weights, closed.channels),
        peak=max(item.values + start * item.holds_input for item in closed.alive),
        peak_with_input=max(item.values for item in closed.alive) + start,
    )


def step_cost(step: Step) -> Cost:
    """The cost of one block in closed form, or counted where it has none; their sum is that of
    `count_architecture`.

    Raises NasError for a block that can't be counted.
    """
    cost = step.config.cost(step.in_shape)
    if cost is not None:
        return cost
    counted = _cost(step)
    return Cost(counted.macs, counted.parameters, counted.convolution_outputs)


def layer_lines(architecture: ArchitectureSpec) -> list[str]:
    """A line a layer with its shapes, parameters and MACs, then their sums and what was rounded.

    Raises NasError for another library's network, whose layers the architecture does not know.
    """
    if architecture.model is not None:
        problem = f"{architecture.model} is another library's network"
        raise NasError(f"{problem}; `nas macs --arch` shows its layers", key="model")
    rows: list[tuple[str, ...]] = [("layer", "block", "in", "out", "parameters", "MACs")]
    for step in (*architecture.steps(), *architecture.head_steps()):
        cost = block_cost(step.config, step.in_shape)
        shapes = _shape_text(step.in_shape), _shape_text(step.out_shape)
        figures = f"{cost.parameters:,}", f"{cost.macs:,}"
        rows.append((step.name, step.config.name, *shapes, *figures))
    report = count_architecture(architecture)
    rows.append(("total", "", "", "", f"{report.parameters:,}", f"{report.total:,}"))
    rounded = architecture.provenance.rounded
    changes = rounded if isinstance(rounded, list) else []
    return [*aligned(rows, left=(0, 1)), *(f"rounded or scaled: {change}" for change in changes)]


def _shape_text(shape: Shape) -> str:
    """`24x32x32`; of several maps `24x32x32 + 40x16x16`."""
    return " + ".join("x".join(map(str, part)) for part in shapes_in(shape))

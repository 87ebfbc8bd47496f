"""A member cut from a larger network: which of its tensors are parts of which of the other's.

Layers are matched by name, and the copies of a layer in order; what counts are the tensors of their
blocks, so a stride or an activation may be another. Of a narrower one the most important
channels are kept, the same ones along a shortcut; what the larger network hasn't begins at random.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from blocks import Axes
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import Step

LAYERS = "layers."
"""Before the names of the layers' tensors in a network's state."""


@dataclass(frozen=True, eq=False)
class TensorPart:
    """The part of a tensor of the larger network that one of the member's begins with."""

    source: str
    """Name of the tensor."""
    rows: Tensor | None = None
    """Kept places of its first axis; None are all."""
    columns: Tensor | None = None
    """Kept places of its second axis; None are all."""
    border: int = 0
    """Pixels that a kernel loses on each side."""

    def of(self, state: Mapping[str, Tensor]) -> Tensor:
        """The part, differentiable."""
        tensor = state[self.source]
        if self.rows is not None:
            tensor = tensor.index_select(0, self.rows)
        if self.columns is not None:
            tensor = tensor.index_select(1, self.columns)
        if self.border:
            inner = slice(self.border, -self.border)
            tensor = tensor[:, :, inner, inner]
        return tensor


@dataclass(frozen=True, eq=False)
class Cut:
    """How a member is cut from a larger network."""

    parts: Mapping[str, TensorPart]
    """By the name of the member's tensor."""
    blocks: int
    """Blocks of the member that begin so."""
    of_blocks: int
    """Blocks of the member, without its head and those that only pass channels on."""
    features: Tensor | None
    """Channels of the larger network's layer, by place, that the member's head sees; None where its
    last layer is not of the larger network."""
    last: str | None
    """Name of the last step of the larger network that is in it."""

    def state(self, source: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors that the member begins with, by its own names."""
        return {name: part.of(source).clone() for name, part in self.parts.items()}


@dataclass(frozen=True, eq=False)
class _Block:
    """A block of the larger network."""

    step: Step
    axes: Mapping[str, Axes] | None
    stream_in: int
    """Which channels come in: a shortcut ties those before and behind it, which share a number."""
    stream_out: int

    @property
    def out_axis(self) -> str:
        """The name of its output channels."""
        return "in" if self.stream_in == self.stream_out else "out"

    def named(self, axis: str, place: int) -> list[str]:
        """Names in the network's state of tensors whose axis at `place` is of these channels."""
        axes = self.axes or {}
        return [
            f"{LAYERS}{self.step.name}.{name}"
            for name, of in axes.items()
            if len(of) > place and of[place] == axis
        ]


def _blocks(architecture: ArchitectureSpec) -> dict[str, list[_Block]]:
    """The blocks of each layer."""
    found: dict[str, list[_Block]] = {}
    stream = newest = 0
    for step in architecture.steps():
        axes = step.config.channel_axes(step.in_shape)
        if axes is None:  # taken as it is, so that what follows may do without the last copies
            tied = step.in_shape[0] == step.out_shape[0]
        else:
            tied = all(of[0] != "out" for of in axes.values())
        before = stream
        if not tied and not _passes(step):
            stream = newest = newest + 1
        label = architecture.layers[step.layer].label(step.layer)
        found.setdefault(label, []).append(_Block(step, axes, before, stream))
    return found


def _passes(step: Step) -> bool:
    """Whether the block has no weights and leaves every channel in its place."""
    if step.out_shape[0] != step.in_shape[0] or step.config.channel_axes(step.in_shape) is not None:
        return False
    with torch.device("meta"):
        return not step.config.build(step.in_shape).state_dict()


class SourceNetwork:
    """A larger network, from which members are cut.

    A channel is as important as the scale of its batch normalisation (Liu et al. 2017,
    arXiv:1708.06519) times the norm of the weights that read it.
    """

    def __init__(
        self,
        architecture: ArchitectureSpec,
        state: Mapping[str, Tensor],
        importance: Mapping[str, Tensor] | None = None,
    ) -> None:
        """`state` has the names of `build_network(architecture).state_dict()`; `importance` says
        another one of channels, by the name of the scale of each normalisation that they pass.
        """
        self.architecture = architecture
        self.state = dict(state)
        self._importance = importance
        self._by_layer = _blocks(architecture)
        self._kept: dict[tuple[str, str, int], Tensor] = {}

    def cut(self, member: ArchitectureSpec, network: nn.Module) -> Cut:
        """How `network`, built of `member`, is cut from it."""
        shapes = {name: value.shape for name, value in network.state_dict().items()}
        channels = self.architecture.input.channels
        kept = torch.arange(channels) if member.input.channels == channels else None
        parts: dict[str, TensorPart] = {}
        stream, blocks, total, last, before, copy = 0, 0, 0, None, -1, 0
        for step in member.steps():
            copy, before = (copy + 1 if step.layer == before else 0), step.layer
            if _passes(step):
                continue
            total += 1
            block = self._block(member.layers[step.layer].label(step.layer), copy)
            found = None
            if block is not None and kept is not None and block.stream_in == stream:
                found = self._parts(block, step, kept, shapes)
            kept = None
            if found is not None and block is not None:
                of_block, kept = found
                parts |= of_block
                stream, last, blocks = block.stream_out, block.step.name, blocks + 1
        return Cut(parts, blocks, total, kept, last)

    def _block(self, layer: str, copy: int) -> _Block | None:
        blocks = self._by_layer.get(layer, [])
        return blocks[copy] if copy < len(blocks) else None

    def _parts(
        self, block: _Block, step: Step, kept: Tensor, shapes: Mapping[str, torch.Size]
    ) -> tuple[dict[str, TensorPart], Tensor] | None:
        """The parts of one block, and the channels that it puts out; None where it is no part.

        `kept` are the channels that come in.
        """
        own = step.config.channel_axes(step.in_shape)
        if own is None or block.axes is None:
            return self._whole(block, step, kept)
        parts: dict[str, TensorPart] = {}
        indices: dict[str, Tensor] = {"in": kept}
        for name, of in own.items():
            if name not in block.axes or not _alike(of, block.axes[name]):
                return None
            part = self._part(block, name, shapes[f"{LAYERS}{step.name}.{name}"], indices)
            if part is None:
                return None
            parts[f"{LAYERS}{step.name}.{name}"] = part
        return parts, indices[block.out_axis]

    def _part(
        self, block: _Block, name: str, shape: torch.Size, indices: dict[str, Tensor]
    ) -> TensorPart | None:
        """The part of one tensor; `indices` are the places chosen so far, and get those of it."""
        assert block.axes is not None
        source = f"{LAYERS}{block.step.name}.{name}"
        whole, axes = self.state[source].shape, block.axes[name]
        for axis, size, most in zip(axes, shape, whole, strict=True):
            if axis is None:
                continue
            if axis not in indices and size <= most:
                indices[axis] = self._most_important(block, axis, size)
            if axis not in indices or len(indices[axis]) != size:
                return None
        border, odd = divmod(whole[-1] - shape[-1], 2) if len(shape) == 4 else (0, 0)
        if odd or border < 0:
            return None
        rows, columns = (
            indices[axis] if axis is not None and len(indices[axis]) < most else None
            for axis, most in zip((*axes, None)[:2], (*whole, 0)[:2], strict=True)
        )
        return TensorPart(source, rows, columns, border)

    def _whole(
        self, block: _Block, step: Step, kept: Tensor
    ) -> tuple[dict[str, TensorPart], Tensor] | None:
        """As `_parts`, of a block that can only be taken as it is."""
        if step.identity != block.step.identity or step.in_shape[0] != len(kept):
            return None
        if block.step.in_shape[0] != step.in_shape[0]:
            return None
        before = f"{LAYERS}{block.step.name}."
        names = [name.removeprefix(before) for name in self.state if name.startswith(before)]
        parts = {f"{LAYERS}{step.name}.{name}": TensorPart(before + name) for name in names}
        return parts, torch.arange(step.out_shape[0])

    def _most_important(self, block: _Block, axis: str, count: int) -> Tensor:
        """Places of the most important channels of that name, ascending."""
        key = (block.step.name, axis, count)
        if key not in self._kept:
            importance = (
                self._of_stream(block.stream_out)
                if axis == block.out_axis
                else self._norm(block.named(axis, 1)) * self._scale(block.named(axis, 0))
            )
            self._kept[key] = importance.topk(count).indices.sort().values
        return self._kept[key]

    def _of_stream(self, stream: int) -> Tensor:
        """Importance of channels that several blocks may write and read."""
        blocks = [block for blocks in self._by_layer.values() for block in blocks]
        scales = [
            self._scale(block.named(block.out_axis, 0))
            for block in blocks
            if block.stream_out == stream and block.axes is not None
        ]
        total = torch.stack(scales).square().sum(0).sqrt()
        readers = [
            name for block in blocks if block.stream_in == stream for name in block.named("in", 1)
        ]
        return total * self._norm(readers) if readers else total

    def _scale(self, names: list[str]) -> Tensor:
        """Product of the scales of the normalisations among these tensors; without one the norm of
        the weights that write each channel. Sum of what is given instead."""
        if self._importance is not None:
            given = [self._importance[name] for name in names if name in self._importance]
            return torch.stack(given).sum(0)
        scales = [
            self.state[name].abs()
            for name in names
            if self.state[name].ndim == 1 and name.endswith(".weight")
        ]
        if scales:
            return torch.stack(scales).prod(0)
        weights = [self.state[name] for name in names if self.state[name].ndim > 1]
        return torch.stack([weight.flatten(1).norm(dim=1) for weight in weights]).sum(0)

    def _norm(self, names: list[str]) -> Tensor:
        """Norm of the weights that read each channel, over all of these tensors; 1 where another
        importance is given."""
        if self._importance is not None:
            return torch.ones(())
        norms = [self.state[name].transpose(0, 1).flatten(1).square().sum(1) for name in names]
        return torch.stack(norms).sum(0).sqrt() if norms else torch.ones(())


def _alike(own: Axes, source: Axes) -> bool:
    """Whether two tensors have axes of the same channels.

    A shortcut may be lost, but not gained: it would add channels that have nothing in common.
    """
    first = own[0] == source[0] or (own[0] == "out" and source[0] == "in")
    return first and own[1:] == source[1:]

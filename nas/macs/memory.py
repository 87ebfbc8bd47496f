"""Memory of a deployed network: its weights, and the activations of a forward pass."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

FLOAT32_BYTES = 4
_INT8_CHANNEL_BYTES = 12
"""Of an int8 layer's output channel: bias, multiplier and shift, each an int32."""


@dataclass(frozen=True)
class DeviceMemory:
    """Bytes that a network takes on a device that runs it at int8, and at float32.

    `flash` holds the weights, with batch-norm folded into the convolutions. At int8 a weight of a
    convolution or a linear layer takes one byte, and each output channel 12 more: bias, multiplier
    and shift, as CMSIS-NN and TensorFlow Lite for Microcontrollers store them. Other parameters
    are float32. What the runtime adds (its code, the graph) is not in it.

    `ram` holds the activations, as `ActivationMemory` defines; an int8 value takes one byte.
    What the runtime adds (scratch space of its kernels, the stack) is not in it.
    """

    flash_int8: int
    flash_float32: int
    ram_int8: int
    ram_float32: int


def layer_bytes(weights: int, channels: int) -> tuple[int, int]:
    """Bytes at int8 and at float32 of a layer with so many weights and output channels."""
    return weights + _INT8_CHANNEL_BYTES * channels, FLOAT32_BYTES * (weights + channels)


def weight_bytes(module: nn.Module) -> tuple[int, int]:
    """Bytes of a module's weights at int8 and at float32, as `DeviceMemory` defines them."""
    int8 = float32 = 0
    seen: set[int] = set()
    for child in module.modules():
        own = [item for item in child.parameters(recurse=False) if id(item) not in seen]
        seen.update(map(id, own))
        if isinstance(child, _BatchNorm):
            continue
        if isinstance(child, _ConvNd | nn.Linear):
            if not own:
                continue
            channels = child.out_channels if isinstance(child, _ConvNd) else child.out_features
            stored = any(item is child.weight for item in own)  # else with another layer's
            layer = layer_bytes(child.weight.numel() if stored else 0, channels)
        else:
            layer = 2 * (FLOAT32_BYTES * sum(item.numel() for item in own),)
        int8 += layer[0]
        float32 += layer[1]
    return int8, float32


class ActivationMemory:
    """Which tensors are alive at each op of a forward pass.

    A tensor holds memory from the op that makes it to the last op that reads it, both included,
    and to the end if it is part of the result. Views and in-place ops share the memory of what
    they start from. So do batch-norm and activation functions that are the last to read their
    input: inference folds the former into the convolution before, and fuses the latter or runs
    them in place. The network's input counts, weights do not; what no op reads and no result
    holds, such as the indices of a max-pool, takes nothing. That is what an executor needs that
    runs the ops in their order, frees each tensor at once and has no scratch space, so runtimes
    take at least as much. Values are float32, whatever the module's own precision; integers and
    booleans have their own size.
    """

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}
        # Held to the end, so that no address is given out twice.
        self._storages: list[torch.UntypedStorage] = []
        self._bytes: list[int] = []
        self._made: list[int] = []
        self._last: list[int] = []
        self._over: list[int | None] = []
        """The slot that each may take the place of, if nothing reads that later."""
        self._clock = 0

    def add_input(self, network_input: Any) -> None:
        """Tensors that exist before the first op."""
        for tensor in tensors_in((network_input,)):
            self._make(tensor, tensor.untyped_storage())

    def step(self, arguments: Iterable[Any], result: Any, *, is_view: bool, in_place: bool) -> None:
        """One op that reads `arguments` and gives `result`.

        `in_place` says that its result may take the place of its first argument.
        """
        self._clock += 1
        read = []
        for tensor in tensors_in(arguments):
            key = tensor.untyped_storage()._cdata
            read.append(key)
            slot = self._slots.get(key)
            if slot is not None:
                self._last[slot] = self._clock
        if is_view:
            return
        over = self._slots.get(read[0]) if in_place and read else None
        for tensor in tensors_in((result,)):
            storage = tensor.untyped_storage()
            if storage._cdata not in read and storage._cdata not in self._slots:
                self._make(tensor, storage, over)
                over = None

    def made(self, tensor: Any) -> bool:
        """Whether it was made by an op of the pass, and is neither a weight nor a constant."""
        storage = tensor.untyped_storage() if isinstance(tensor, Tensor) else None
        return storage is not None and storage._cdata in self._slots

    def peak_bytes(self, result: Any) -> int:
        """The largest sum over the tensors alive at one op, where `result` is kept to the end."""
        kept = {
            self._slots.get(tensor.untyped_storage()._cdata) for tensor in tensors_in((result,))
        }
        change = [0] * (self._clock + 2)
        for slot, size in enumerate(self._bytes):
            last = self._clock if slot in kept else self._last[slot]
            if last > self._made[slot] or slot in kept:
                start, over = self._made[slot], self._over[slot]
                if over is not None and over not in kept and self._last[over] == start:
                    change[start] -= min(size, self._bytes[over])
                    change[start + 1] += min(size, self._bytes[over])
                change[start] += size
                change[last + 1] -= size
        peak = alive = 0
        for amount in change:
            alive += amount
            peak = max(peak, alive)
        return peak

    def _make(self, tensor: Tensor, storage: torch.UntypedStorage, over: int | None = None) -> None:
        self._slots[storage._cdata] = len(self._storages)
        self._storages.append(storage)
        size = storage.nbytes()
        if tensor.is_floating_point():
            size = size // tensor.element_size() * FLOAT32_BYTES
        self._bytes.append(size)
        self._made.append(self._clock)
        self._over.append(over)
        self._last.append(self._clock)


def tensors_in(values: Iterable[Any]) -> Iterator[Tensor]:
    """The tensors among `values`, and in the lists, tuples and mappings among them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_in(value)
        elif isinstance(value, dict):
            yield from tensors_in(value.values())

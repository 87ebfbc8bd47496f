"""Memory that a forward pass needs for its activations."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

FLOAT32_BYTES = 4


class ActivationMemory:
    """Which tensors are alive at each op of a forward pass.

    A tensor holds memory from the op that makes it to the last op that reads it, both included,
    and to the end if it is part of the result. Views and in-place ops share the memory of what
    they start from; the network's input counts, weights do not; what no op reads and no result
    holds, such as the indices of a max-pool, takes nothing. That is what an executor needs that
    frees each tensor at once and has no scratch space, so frameworks take at least as much. Values
    are float32, whatever the module's own precision; integers and booleans have their own size.
    """

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}
        # Held to the end, so that no address is given out twice.
        self._storages: list[torch.UntypedStorage] = []
        self._bytes: list[int] = []
        self._made: list[int] = []
        self._last: list[int] = []
        self._clock = 0

    def add_input(self, network_input: Any) -> None:
        """Tensors that exist before the first op."""
        for tensor in tensors_in((network_input,)):
            self._make(tensor, tensor.untyped_storage())

    def step(self, arguments: Iterable[Any], result: Any, *, is_view: bool) -> None:
        """One op that reads `arguments` and gives `result`."""
        self._clock += 1
        read = set()
        for tensor in tensors_in(arguments):
            key = tensor.untyped_storage()._cdata
            read.add(key)
            slot = self._slots.get(key)
            if slot is not None:
                self._last[slot] = self._clock
        if is_view:
            return
        for tensor in tensors_in((result,)):
            storage = tensor.untyped_storage()
            if storage._cdata not in read and storage._cdata not in self._slots:
                self._make(tensor, storage)

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
                change[self._made[slot]] += size
                change[last + 1] -= size
        peak = alive = 0
        for amount in change:
            alive += amount
            peak = max(peak, alive)
        return peak

    def _make(self, tensor: Tensor, storage: torch.UntypedStorage) -> None:
        self._slots[storage._cdata] = len(self._storages)
        self._storages.append(storage)
        size = storage.nbytes()
        if tensor.is_floating_point():
            size = size // tensor.element_size() * FLOAT32_BYTES
        self._bytes.append(size)
        self._made.append(self._clock)
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

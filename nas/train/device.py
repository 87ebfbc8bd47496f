"""Device, threads, precision and random seeds of training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from nas.errors import NasError
from nas.machine import usable_cores


def choose_device(name: str | torch.device) -> torch.device:
    """The device of that name; `auto` is the GPU if there is one.

    Raises NasError for a device that is not here.
    """
    if isinstance(name, torch.device):
        return name
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    # An unknown name, PyTorch built without that device, and a device it only knows by name.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise NasError(
            f"no device {name!r} here ({reason}); try auto or cpu", key="--device"
        ) from error
    if device.type == "meta":
        raise NasError("the meta device holds no numbers; try auto or cpu", key="--device")
    return device


MAX_THREADS = 1_024


def default_threads() -> int:
    """Half of the cores that this process may use, at least one.

    A compact network gains little from more, and on a busy machine threads that wait for each
    other slow it down many times.
    """
    return max(1, usable_cores() // 2)


def set_threads(threads: int | None) -> None:
    """Let PyTorch use that many cores; None leaves it at all. One where several workers run.

    Raises NasError for so many that the process would die of them.
    """
    if threads is not None:
        if not 1 <= threads <= MAX_THREADS:
            raise NasError(f"{threads} is not allowed: 1 to {MAX_THREADS}", key="--threads")
        torch.set_num_threads(threads)


@contextmanager
def using_threads(threads: int | None) -> Iterator[None]:
    """PyTorch uses that many cores within, None as many as now, and as before afterwards."""
    before = torch.get_num_threads()
    set_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def uses_bfloat16(precision: Literal["auto", "float32", "bfloat16"], device: torch.device) -> bool:
    """Whether the forward pass runs under bfloat16 autocast: never on the CPU unless asked for,
    where it takes 1.2 to 2.5 times as long."""
    if precision != "auto":
        return precision == "bfloat16"
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """PyTorch's generators seeded within, and as they were before afterwards."""
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(seed)
        yield


class TrainingFailed(Exception):
    """Training failed; `reason` says why in a line. A search records it and goes on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def memory_watched(what: str) -> Iterator[None]:
    """Turn an out-of-memory error of any device within into TrainingFailed."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TrainingFailed(f"out of memory {what}") from error
    except RuntimeError as error:
        if "DefaultCPUAllocator" not in str(error):  # PyTorch has no class for it on the CPU
            raise
        raise TrainingFailed(f"out of memory {what}") from error

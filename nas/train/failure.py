"""How a training run ends that can't go on, and the failures of PyTorch that mean so."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class TrainingFailed(Exception):
    """Training can't go on; `reason` says why in a line. A search records it and goes on."""

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

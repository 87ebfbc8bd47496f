"""The cores of the machine."""

import os


def usable_cores() -> int:
    """Cores that this process may use: fewer than there are where it is bound to some."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

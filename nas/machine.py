"""This machine: its cores, and what a run writes down of it."""

import os
import platform
import signal
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def usable_cores() -> int:
    """Cores that this process may use: fewer than there are where it is bound to some."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def exit_text(code: int | None) -> str:
    """How a process ended, by its exit code; -N is signal N."""
    if code is not None and code < 0:
        killed = " (memory may have run out)" if code == -signal.SIGKILL else ""
        return f"signal {-code}{killed}"
    return f"exit code {code}"


def environment() -> dict[str, str]:
    """Versions, commit and hardware that a run's figures depend on."""
    facts = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("compact-nas", "torch", "torchvision", "optuna", "numpy"):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    facts["commit"] = _commit()
    facts["processor"] = processor()
    facts["cores"] = str(os.cpu_count())
    return facts


def _commit() -> str:
    """The commit of the source tree that this module is in, `unknown` outside of git."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def processor() -> str:
    """Its model, in words of the system."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()

"""A disturbed child: a fork of this process, killed or misled at one of its file operations.

A fork has PyTorch loaded already, so that a hundred disturbances take a minute.
"""

import contextlib
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.utime", "fcntl.flock")
OUTPUT_FILE = "output.txt"


@dataclass
class Tally:
    """What was tried, how often, and what was lost."""

    tried: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        found = [f"{count:4d} x {what}" for what, count in sorted(self.tried.items())]
        return [*found, "lost: " + ("; ".join(self.lost) if self.lost else "nothing")]


def end(tally: Tally) -> None:
    """Print the tally and end the program, with exit code 1 if something was lost."""
    print("\n".join(tally.lines()))
    sys.exit(1 if tally.lost else 0)


def on_operations(folder: Path, act: Callable[[int], None]) -> None:
    """Call `act` with 0, 1, ... before each operation on a file of the folder, from now on."""
    inside, count = str(folder), 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event in OPERATIONS and inside in str(arguments[0]):
            count += 1
            act(count - 1)

    sys.addaudithook(hook)


def run_forked(
    work: Callable[[], object],
    folder: Path,
    disturb: Callable[[int], None] = lambda operation: None,
    kill_after_s: float | None = None,
) -> int:
    """Exit code of `work` in a child: 0, 1 after an exception, -9 if it was killed.

    `disturb` is called before each of its operations on files of `folder`; what it prints, and
    its traceback, come into `output.txt` beside the folder.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _live(work, folder, disturb)
    if kill_after_s is not None:
        end_s = time.monotonic() + kill_after_s
        while time.monotonic() < end_s:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
            time.sleep(0.002)
        else:
            os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _live(work: Callable[[], object], folder: Path, disturb: Callable[[int], None]) -> None:
    code = 1
    with contextlib.suppress(BaseException):
        with (folder.parent / OUTPUT_FILE).open("w") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        on_operations(folder, disturb)
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def last_words(folder: Path) -> str:
    """The last line that a child printed."""
    lines = (folder.parent / OUTPUT_FILE).read_text(errors="replace").splitlines()
    return lines[-1] if lines else ""

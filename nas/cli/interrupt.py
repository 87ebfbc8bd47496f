"""What ends a command from outside: Ctrl-C, and SIGTERM (systemd, Slurm, `docker stop`)."""

import os
import signal
from types import FrameType

_came: list[int] = []
"""The signal that came."""


def heed_signals() -> None:
    """Let the first SIGINT or SIGTERM raise KeyboardInterrupt, and a second one end at once.

    After the first a command writes what it has. The second leaves that unfinished; what was
    written before it stays, since every file is replaced whole. A signal that is ignored, as
    Ctrl-C is by what a shell runs in the background, stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _came:
        os._exit(128 + number)
    _came.append(number)
    raise KeyboardInterrupt


def interrupted_exit_code() -> int:
    """The exit code of a command that was interrupted: 143 by SIGTERM, else 130."""
    return 128 + (_came[0] if _came else signal.SIGINT)

"""Reads compressed DICOM files in a process of its own: what decodes them may end it.

GDCM, which decodes JPEG, JPEG-LS and JPEG 2000, calls abort() on some damaged files. What dies of
it is a decoder; the file is tried once more in another, and then it is one that can't be read.
Decoders are kept for the next file, one for each thread that reads at the same time. They end with
their parent, or when nothing is asked of them for a minute.
"""

import atexit
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nas.data.decode import guarded_pillow
from nas.data.xray.shades import UnreadableXray
from nas.errors import NasError
from nas.machine import exit_text

MOST_SECONDS = 60
"""Of computing for one file, and of waiting for the next."""
_TRIES = 2
_LENGTH = struct.Struct("<Q")
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:]; from nas.data.xray import decoder as d; d.serve()"
)

_idle: dict[int, list["Decoder"]] = {}
"""Decoders that wait, by the process that started them: a fork must not use its parent's."""


class DecoderDied(Exception):
    """What the message says ended the process."""


class DecoderKilled(DecoderDied):
    """From outside, as the system does where memory is short: no library kills itself so."""


class NoDecoder(NasError):
    """The machine, not the file, is why nothing could be read."""


class Decoder:
    """A process that reads one file after the other."""

    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for the parent
            )
        except OSError as error:
            problem = f"a process that reads compressed X-rays can't be started: {error.strerror}"
            raise NoDecoder(problem) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asked: IO[bytes] = self._process.stdin
        self._told: IO[bytes] = self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def lives(self) -> bool:
        return self._process.poll() is None

    def read(self, content: bytes) -> tuple[NDArray[np.uint8], str]:
        """The file's picture (H, W) and note. Raises UnreadableXray, DecoderDied and NoDecoder."""
        with suppress(OSError):  # a broken pipe
            self._asked.write(_LENGTH.pack(len(content)) + content)
            self._asked.flush()
        line = self._told.readline()
        if line:
            answer = json.loads(line)
            if "unreadable" in answer:
                raise UnreadableXray(answer["unreadable"])
            height, width = answer["height"], answer["width"]
            pixels = self._told.read(height * width)
            if len(pixels) == height * width:
                grey_HW = np.frombuffer(pixels, np.uint8).reshape(height, width)
                return grey_HW, answer["note"]
        how = self._how_it_ended()
        raise (
            DecoderKilled(how) if self._process.returncode == -signal.SIGKILL else DecoderDied(how)
        )

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        if code == -signal.SIGVTALRM:
            return f"computing for more than {MOST_SECONDS} s"
        return exit_text(code)

    def end(self) -> None:
        """Kill it, if it lives, and close its pipes."""
        self._process.kill()
        self._process.wait()
        self._told.close()
        with suppress(OSError):  # what it did not take
            self._asked.close()


def read_apart(content: bytes) -> tuple[NDArray[np.uint8], str]:
    """What `dicom_picture` gives of the file, and raises, read by a decoder."""
    last = DecoderDied()
    for _ in range(_TRIES):
        try:
            with _lent_decoder() as decoder:
                return decoder.read(content)
        except DecoderDied as death:
            last = death
    problem = f"its decoder ended with {last}"
    raise NoDecoder(problem) if isinstance(last, DecoderKilled) else UnreadableXray(problem)


@contextmanager
def _lent_decoder() -> Iterator[Decoder]:
    if os.getpid() not in _idle:
        atexit.register(_end_all)
    idle = _idle.setdefault(os.getpid(), [])
    try:
        decoder = idle.pop()
    except IndexError:  # not asked first: another thread could take the last one in between
        decoder = Decoder()
    if not decoder.lives():  # nothing was asked of it for long
        decoder.end()
        decoder = Decoder()
    try:
        yield decoder
    except UnreadableXray:
        idle.append(decoder)
        raise
    # Ctrl-C too: half an answer is still to come.
    except BaseException:
        decoder.end()
        raise
    idle.append(decoder)


def _end_all() -> None:
    for decoder in _idle.pop(os.getpid(), []):
        decoder.end()


def serve() -> None:
    """A decoder's work: files from the standard input to its output, until the input is closed."""
    from nas.data.xray.dicom import picture_here

    _leave_no_core()
    asked, told = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # libraries print
    with guarded_pillow():
        while content := _next_file(asked):
            pixels = b""
            try:
                with _limit("ITIMER_VIRTUAL"):
                    grey_HW, note = picture_here(content)
                height, width = grey_HW.shape
                answer = {"height": height, "width": width, "note": note}
                pixels = grey_HW.tobytes()
            except UnreadableXray as error:
                answer = {"unreadable": str(error)}
            told.write(json.dumps(answer).encode() + b"\n" + pixels)
            told.flush()


def _next_file(asked: IO[bytes]) -> bytes:
    """Empty at the end."""
    with _limit("ITIMER_REAL"):
        head = asked.read(_LENGTH.size)
    return asked.read(*_LENGTH.unpack(head)) if head else b""


@contextmanager
def _limit(timer: str) -> Iterator[None]:
    """Its signal ends the process, in a library too. Computing is limited, not time: others may
    have the cores."""
    timed = hasattr(signal, timer)  # not on Windows
    if timed:
        signal.setitimer(getattr(signal, timer), MOST_SECONDS)
    yield
    if timed:
        signal.setitimer(getattr(signal, timer), 0)


def _leave_no_core() -> None:
    """abort() would write the memory to a file in the user's folder."""
    with suppress(ImportError):  # Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

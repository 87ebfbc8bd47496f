"""The process of one run, and what it holds: its folder, its cores, its time."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.wall_clock.arms import INTERRUPTED, Arm, ArmRun, Terms, command
from nas.errors import NasError
from nas.machine import environment

ROOT = Path(__file__).parents[2]
POLL_S = 0.5
GRACE_S = 20.0
"""For processes that were asked to end."""


@dataclass(frozen=True)
class Job:
    """A run that is still to be made."""

    folder: Path
    arm: Arm
    seed: int


class ArmProcess:
    """A run under way; it keeps its lock as long as it lives, whatever becomes of the runner."""

    def __init__(self, job: Job, cores: tuple[int, ...], terms: Terms) -> None:
        out, name = job.folder.parent, job.folder.name
        out.mkdir(parents=True, exist_ok=True)
        with _held(out / f".{name}.lock") as lock:
            _put_aside(job.folder)
            job.folder.mkdir()
            self.run = ArmRun(
                job.folder, job.arm, job.seed, terms, time.time(), cores, environment=environment()
            )
            self.run.write()
            self.process = _start(self.run, lock)

    def poll(self) -> bool:
        """Whether it has ended; then its file says so, if it ended well."""
        if self.process.returncode is not None:
            return True
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode == 0:
            used = usage.ru_utime + usage.ru_stime
            self.run = replace(self.run, ended_at=time.time(), processor_s=used)
            self.run.write()
            shutil.rmtree(self.run.folder / "cache", ignore_errors=True)
        return True

    def end(self) -> None:
        """End its processes, if they have not ended."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self.process.returncode is not None:
                return
            os.killpg(self.process.pid, sign)
            deadline = time.monotonic() + GRACE_S
            while not self.poll() and time.monotonic() < deadline:
                time.sleep(POLL_S)


def _start(run: ArmRun, lock: int) -> subprocess.Popen[bytes]:
    folder = run.folder.resolve()
    own = {"NAS_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    with (folder / "output.txt").open("wb") as output, _pinned(run.cores):
        return subprocess.Popen(
            command(run.arm, run.seed, run.terms, folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **own},
            cwd=ROOT,
            pass_fds=(lock,),
            start_new_session=True,
        )


@contextmanager
def _held(path: Path) -> Iterator[int]:
    """The locked file, for a child to inherit. Raises NasError while an earlier child lives."""
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NasError("this run is still under way in another process", file=path) from None
        yield stream.fileno()


@contextmanager
def _pinned(cores: tuple[int, ...]) -> Iterator[None]:
    """Processes that are started within stay on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _put_aside(folder: Path) -> None:
    """Rename what an interruption left, so that the run begins anew."""
    number = 1
    while folder.exists():
        aside = folder.with_name(f"{folder.name}.{INTERRUPTED}-{number}")
        if not aside.exists():
            folder.rename(aside)
        number += 1

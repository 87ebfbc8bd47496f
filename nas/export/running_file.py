"""An exported file in a process of its own: how long it runs, and what memory the process takes."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from nas.errors import NasError
from nas.machine import exit_text

_PROGRAM = Path(__file__).with_name("timed_file.py")


@dataclass(frozen=True)
class PeakMemory:
    """Resident memory of a process that runs a file."""

    runtime_bytes: int
    """Peak before the file is read: Python, numpy, the runtime."""
    total_bytes: int

    @classmethod
    def measured(cls, path: Path) -> "PeakMemory | None":
        """With one sample and one thread; None where the system does not say it (not Linux)."""
        with RunningFile(path) as running:
            return running.memory()


class RunningFile:
    """A process that has loaded a file and run it once, and waits to run it again.

    Its runs are no one else's: threads, caches and memory are its own, and it is bound to as many
    cores as it has threads. While it waits it takes no time, so several can be asked in turn.
    Raises NasError for a file that does not run.
    """

    def __init__(self, path: Path, *, threads: int = 1, batch: int = 1) -> None:
        self._file = path
        command = [sys.executable, "-P", str(_PROGRAM), str(path), str(threads), str(batch)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        try:
            self._before = self._answer()["before"]
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._end()

    def seconds(self, runs: int) -> list[float]:
        """What each of so many runs took, one after the other."""
        return [spent / 1e9 for spent in self._ask(str(runs))["nanoseconds"]]

    def memory(self) -> PeakMemory | None:
        """Until now; None where the system does not say it."""
        peak = self._ask("memory")["peak"]
        return None if peak is None or self._before is None else PeakMemory(self._before, peak)

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: its answer says so
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            ended = exit_text(self._process.wait())
            raise NasError(f"a process that runs the file ended with {ended}", file=self._file)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise NasError(f"does not run: {answer['error']}", file=self._file)
        return answer

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()

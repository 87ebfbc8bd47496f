"""How long something took, in seconds of the clock and of the processors."""

import os
import resource
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter


@dataclass
class Timing:
    """Seconds of each repeat of one thing."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    """Of this process and of its workers."""

    def measure(self, run: Callable[[], None]) -> None:
        """Run once and keep the times."""
        wall, processor = perf_counter(), _processor_seconds()
        run()
        self.wall.append(perf_counter() - wall)
        self.processor.append(_processor_seconds() - processor)

    def row(self, name: str, items: int) -> str:
        """A line of a table: items a second of the clock, with their spread, and of a processor."""
        wall = [items / seconds for seconds in self.wall]
        processor = [items / seconds for seconds in self.processor]
        clock = f"{median(wall):,.1f} ({min(wall):,.1f} to {max(wall):,.1f})"
        return f"{name:30}{clock:>36}{median(processor):>20,.1f}"


def interleaved(runs: Mapping[str, Callable[[], None]], repeats: int) -> dict[str, Timing]:
    """Times of `repeats` rounds of all runs, a busy machine slowing all; one more warms up."""
    timings = {name: Timing() for name in runs}
    for number in range(repeats + 1):
        for name, run in runs.items():
            timing = Timing() if number == 0 else timings[name]  # the first warms up
            timing.measure(run)
    return timings


def drain(items: Iterable[object]) -> None:
    """Take all items, for the time that it takes."""
    for _ in items:
        pass


def quotients(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """How many times as long as its partner each took."""
    return [a / b for a, b in zip(above, below, strict=True)]


def spread(values: list[float]) -> str:
    """The median with the lowest and the highest."""
    return f"{median(values):.2f} (lowest {min(values):.2f}, highest {max(values):.2f})"


def _processor_seconds() -> float:
    """Of this process, its threads, and its living workers."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    seconds = own.ru_utime + own.ru_stime
    tick = os.sysconf("SC_CLK_TCK")
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            seconds += (int(fields[11]) + int(fields[12])) / tick  # utime and stime, proc(5)
    return seconds

"""Runs arms side by side, each on its own cores; what ends the runner ends them."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.wall_clock.arm_process import POLL_S, ArmProcess, Job
from benchmarks.wall_clock.arms import RUN_FILE, Arm, Terms, read_run
from nas.errors import NasError


def open_jobs(out: Path, arms: Sequence[Arm], seeds: Sequence[int], terms: Terms) -> list[Job]:
    """The runs that are not done, each seed's arms next to each other, in turning order.

    The order turns so that no arm has the same core for all seeds. Raises NasError for a run that
    was done under other terms.
    """
    jobs: list[Job] = []
    for index, seed in enumerate(seeds):
        turn = index % len(arms)
        for arm in (*arms[turn:], *arms[:turn]):
            folder = out / f"{arm}-seed{seed}"
            if not _is_done(folder, terms):
                jobs.append(Job(folder, arm, seed))
    return jobs


def _is_done(folder: Path, terms: Terms) -> bool:
    if not (folder / RUN_FILE).exists():
        return False
    run = read_run(folder)
    if run.terms != terms:
        raise NasError(f"was run under other terms: {run.terms}; now: {terms}", file=folder)
    return run.ended_at is not None


def run_side_by_side(
    jobs: Sequence[Job], slots: Sequence[tuple[int, ...]], terms: Terms, say: Callable[[str], None]
) -> list[str]:
    """Make the runs, as many at once as there are slots of cores; the names of those that failed.

    The runs of a round begin together, and the next round begins when all have ended.
    """
    failed: list[str] = []
    for first in range(0, len(jobs), len(slots)):
        group = zip(jobs[first : first + len(slots)], slots, strict=False)
        running: list[ArmProcess] = []
        try:
            for job, cores in group:
                running.append(ArmProcess(job, cores, terms))
                say(f"{time.strftime('%H:%M:%S')}  {running[-1].run.name} begins on cores {cores}")
            failed += _wait(running, say)
        finally:
            with _deaf():
                for item in running:
                    item.end()
    return failed


def _wait(running: Sequence[ArmProcess], say: Callable[[str], None]) -> list[str]:
    """Tell of each run that ends, until all have; the names of those that failed."""
    failed: list[str] = []
    waiting = list(running)
    while waiting:
        for item in [item for item in waiting if item.poll()]:
            waiting.remove(item)
            code = item.process.returncode
            say(f"{time.strftime('%H:%M:%S')}  {item.run.name} has ended, exit status {code}")
            failed += [item.run.name] if code else []
        time.sleep(POLL_S)
    return failed


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait within: a second one would leave processes behind."""
    blocked = (signal.SIGINT, signal.SIGTERM)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

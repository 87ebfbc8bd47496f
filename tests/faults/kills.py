"""kill -9 at random moments of small searches and trainings, each of which then goes on to its end.

    python -m tests.faults.kills --lives 24 --seed 0

A life is one search or training with one to three kills: before one of its operations on files,
drawn at random, or at a random time. Ends with exit code 1 if something was lost.
"""

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from numpy.random import Generator, default_rng

from tests.faults.forked import Tally, end, last_words, run_forked
from tests.faults.jobs import Job, Search, Training, prepared

KILLED = -signal.SIGKILL


def kill_before(operation: int) -> Callable[[int], None]:
    def act(now: int) -> None:
        if now == operation:
            os.kill(os.getpid(), signal.SIGKILL)

    return act


def undisturbed(job: Job) -> tuple[int, float]:
    """Operations on files and seconds of a job that nothing disturbs."""
    seen = job.folder.with_name("operations")
    begun = time.monotonic()
    code = run_forked(job.begin, job.folder, lambda now: seen.write_text(str(now)) and None)
    assert code == 0, last_words(job.folder)
    return int(seen.read_text()), time.monotonic() - begun


def live(job: Job, whole: Job, length: tuple[int, float], random: Generator, tally: Tally) -> None:
    operations, seconds = length
    name = type(job).__name__.lower()
    known = {}
    for _ in range(random.integers(1, 4)):
        at = int(random.integers(operations)) if random.random() < 0.7 else None
        after_s = None if at is not None else float(random.uniform(0, seconds))
        disturb = kill_before(-1 if at is None else at)
        if run_forked(job.go_on, job.folder, disturb, after_s) != KILLED:
            break
        tally.tried[f"{name} killed {job.stage}"] += 1
        known |= job.results()
    if not (job.folder / "report.html").exists() and not (job.folder / "metrics.json").exists():
        code = run_forked(job.go_on, job.folder)
        if code != 0:
            tally.lost.append(f"{job.folder.name} never ends: {last_words(job.folder)}")
            return
    after = job.results()
    gone = [key for key, value in known.items() if after.get(key) != value]
    tally.lost += [f"{job.folder.name}: {flaw}" for flaw in [*gone, *job.flaws(whole)]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=24, help="half of them searches")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    random, tally = default_rng(given.seed), Tally()
    with tempfile.TemporaryDirectory() as place:
        for kind in (Search, Training):
            data, whole = prepared(kind, Path(place))
            length = undisturbed(whole)
            for number in range(given.lives // 2):
                job = kind(whole.folder.with_name(f"{kind.__name__.lower()}-{number}"), data)
                live(job, whole, length, random, tally)
        left = [path for path in Path(place).glob("*/*/.*.*") if path.is_file()]
        tally.tried["temporary file left behind by a kill"] = len(left)
    end(tally)


if __name__ == "__main__":
    main()

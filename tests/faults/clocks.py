"""Clocks that jump in the middle of small searches and trainings, which must end as without.

    python -m tests.faults.clocks --seed 0

The time of day jumps by a day or ten years, forwards, backwards, or both ways in turn,
at an operation on a file that is drawn at random. Ends with exit code 1 if something was lost.
"""

import argparse
import datetime
import tempfile
from pathlib import Path
from typing import Any

import time_machine
from numpy.random import Generator, default_rng

from tests.faults.forked import Tally, end, last_words, run_forked
from tests.faults.jobs import Job, Search, Training, prepared
from tests.faults.kills import undisturbed

HOUR_S = 3600
JUMPS_S = {"a day": 24 * HOUR_S, "ten years": 3652 * 24 * HOUR_S}
WAYS = {"forwards": (1,), "backwards": (-1,), "back and forth": (-1, 1)}
"""Directions of the jumps, one after the other."""


def misled(job: Job, at: int, jump_s: int, ways: tuple[int, ...]) -> int:
    """Exit code of a job whose clock jumps at operation `at`, and then at every tenth."""
    clock: list[Any] = []

    def begin() -> None:
        now = datetime.datetime.now(datetime.UTC)
        with time_machine.travel(now, tick=True) as traveller:
            clock.append(traveller)
            job.begin()

    def disturb(operation: int) -> None:
        jumps, rest = divmod(operation - at, 10)
        if clock and rest == 0 and jumps >= 0 and (jumps == 0 or len(ways) > 1):
            clock[0].shift(jump_s * ways[jumps % len(ways)])

    return run_forked(begin, job.folder, disturb)


def live(job: Job, whole: Job, length: int, random: Generator, tally: Tally) -> None:
    kind, way, jump = type(job).__name__.lower(), *job.folder.name.split(", ")
    at = int(random.integers(length))
    tally.tried[f"{kind}, {way}"] += 1
    if misled(job, at, JUMPS_S[jump], WAYS[way]) != 0:
        tally.lost.append(f"{kind}, {way} {jump}: {last_words(job.folder)}")
        return
    flaws = job.flaws(whole)
    if isinstance(job, Search) and job.results() != whole.results():
        flaws.append("other trials or metrics")
    tally.lost += [f"{kind}, {way} {jump}: {flaw}" for flaw in flaws]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    random, tally = default_rng(parser.parse_args().seed), Tally()
    with tempfile.TemporaryDirectory() as place:
        for kind in (Search, Training):
            data, whole = prepared(kind, Path(place))
            length, _ = undisturbed(whole)
            for way in WAYS:
                for jump in JUMPS_S:
                    job = kind(whole.folder.with_name(f"{way}, {jump}"), data)
                    live(job, whole, length, random, tally)
    end(tally)


if __name__ == "__main__":
    main()

"""Our search against scripts written by hand, for the same time on the same machine.

    python -m benchmarks.equal_time run --data DIR --out OUT --minutes 30
    python -m benchmarks.equal_time run --data DIR --out OUT --arm ours --arm ours-no-stop
    python -m benchmarks.equal_time report OUT
    python -m benchmarks.equal_time retrain OUT --times 3      # then `report` again

`run` goes on where it was interrupted: whole runs are kept, others begun anew. A search that tries
more networks has a luckier best, so `retrain` trains each run's best networks again with other
seeds, which is the comparison to believe.
"""

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import click
import optuna

from benchmarks.program import Program
from benchmarks.wall_clock.arms import ARMS, Arm, Terms, read_runs
from benchmarks.wall_clock.report import report_text
from benchmarks.wall_clock.retraining import retrain_best
from benchmarks.wall_clock.running import open_jobs, run_side_by_side
from nas.errors import NasError
from nas.spec.quantity import parse_quantity

FOLDER = click.Path(path_type=Path)


LIMITS = click.option(
    "--limit", "limits", multiple=True, default=("2M", "5M", "10M"), show_default=True, help="MACs."
)
MINUTES = click.option("--minutes", type=float, help="As the runs were then  [default: their end]")


@click.group()
def main() -> None:
    """Compare searches at equal wall-clock time."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@main.command(cls=Program)
@click.option("--data", type=FOLDER, required=True, help="Folder train/CLASS/*, val/CLASS/*.")
@click.option("--out", type=FOLDER, required=True, help="Folder of the runs.")
@click.option("--space", default="shufflenet.yaml", show_default=True)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Of each run.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=15,
    show_default=True,
    help="Of a network's training.",
)
@click.option("--max-macs", default="10M", show_default=True)
@click.option(
    "--cores-each", type=click.IntRange(1), default=1, show_default=True, help="Cores of each run."
)
@click.option("--seed", "seeds", type=int, multiple=True, default=(0, 1, 2), show_default=True)
@click.option(
    "--arm",
    "arms",
    type=click.Choice(ARMS),
    multiple=True,
    default=("ours", "plain"),
    show_default=True,
)
@click.option("--our-flags", default="", help="Further flags of nas search, in one string.")
def run(
    data: Path,
    out: Path,
    space: str,
    minutes: float,
    epochs: int,
    max_macs: str,
    cores_each: int,
    seeds: tuple[int, ...],
    arms: tuple[Arm, ...],
    our_flags: str,
) -> None:
    """Run the arms side by side, each on its own cores."""
    signal.signal(signal.SIGTERM, _stop)
    budget = parse_quantity(max_macs)
    terms = Terms(str(data.resolve()), space, minutes, epochs, budget, cores_each, our_flags)
    cores = sorted(os.sched_getaffinity(0))
    slots = [
        tuple(cores[first : first + cores_each])
        for first in range(0, len(cores) - cores_each + 1, cores_each)
    ]
    if not slots:
        raise click.ClickException(f"--cores-each {cores_each}: only {len(cores)} cores are here")
    jobs = open_jobs(out, arms, seeds, terms)
    rounds = -(-len(jobs) // len(slots))
    end = time.strftime("%H:%M", time.localtime(time.time() + 60 * rounds * (minutes + 1)))
    click.echo(f"{len(jobs)} runs to make in {rounds} rounds of {minutes:g} minutes, until {end}")
    failed = run_side_by_side(jobs, slots, terms, click.echo)
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}; output.txt in their folders")


def _macs(limits: tuple[str, ...]) -> list[int]:
    return [parse_quantity(limit) for limit in limits]


def _stop(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


@main.command(cls=Program)
@click.argument("out", type=FOLDER)
@click.option("--times", default=3, show_default=True, help="Further seeds of each network.")
@LIMITS
@MINUTES
@click.option("--test", is_flag=True, help="Measure on the test split too: at the very end.")
@click.option("--workers", type=int, help="Processes  [default: one a core]")
def retrain(
    out: Path,
    times: int,
    limits: tuple[str, ...],
    minutes: float | None,
    test: bool,
    workers: int | None,
) -> None:
    """Train each run's best networks again, with the engine and recipe of our search."""
    processes = workers or len(os.sched_getaffinity(0))
    retrain_best(out, _macs(limits), times, minutes, processes, say=click.echo, test=test)


@main.command(cls=Program)
@click.argument("out", type=FOLDER)
@LIMITS
@MINUTES
@click.option(
    "--reference-f1",
    "references",
    type=click.FloatRange(0, 1),
    multiple=True,
    default=(0.0, 0.4),
    show_default=True,
    help="Macro-F1 above which a network adds to the hypervolume.",
)
def report(
    out: Path, limits: tuple[str, ...], minutes: float | None, references: tuple[float, ...]
) -> None:
    """Print how the arms compare."""
    click.echo(report_text(out, read_runs(out), _macs(limits), minutes, references))


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        raise SystemExit(f"Error: {error}") from error

"""Share of the best front that a sampler finds for so many trainings, ours beside Optuna's.

    python -m benchmarks.search_efficiency --table FILE

Studies are simulated: trainings are looked up in tables of trained networks (the format is told in
`benchmarks/efficiency/table.py`) or in synthetic spaces of closed form. A study's share is the
hypervolume of the true means of what it has evaluated, over that of the true front. Both axes are
linear (MACs; mean accuracy). The reference is the nadir of the true front: the cost of its dearest
member and the metric of its worst; with `best-8` the metric is the best less 8 points, so that only
usable networks count. Cost is known before a trial; the metric is that of the trial alone.

An evaluation is a trial that is trained. What runs `as a script` has every choice categorical and
trains a network again when it is proposed again. To the others ordered choices are integers, and a
repeat is refused: told its known result, not counted, and after 15 in a row a new network is drawn
at random. With trials in parallel, evaluations are counted as they end. `ask ms` is processor time.
"""

import re
from pathlib import Path
from statistics import median

import click

from benchmarks.efficiency.ask_time import ask_times
from benchmarks.efficiency.methods import METHODS, OURS
from benchmarks.efficiency.report import comparison, title
from benchmarks.efficiency.runs import Run, Source, problem_of, traces_of
from benchmarks.efficiency.spaces.registry import SPACES
from benchmarks.efficiency.summary import summarise
from benchmarks.efficiency.true_front import TrueFront, true_front
from benchmarks.efficiency.verdict import MOST_ASK_SECONDS, Compared, verdict
from benchmarks.program import Program
from nas.errors import NasError, did_you_mean
from nas.machine import environment


def _names(context: click.Context, parameter: click.Parameter, text: str) -> tuple[str, ...]:
    """Names of a list with commas; `all` and `none` too."""
    known = list(METHODS if parameter.name == "methods" else SPACES)
    names = known if text == "all" else [] if text == "none" else text.split(",")
    for name in names:
        if name not in known:
            raise click.BadParameter(f"no {name!r}{did_you_mean(name, known)}")
    return tuple(names)


def _references(context: click.Context, parameter: click.Parameter, text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    for kind in kinds:
        if not re.fullmatch(r"nadir|best-\d+(\.\d+)?", kind):
            raise click.BadParameter(f"{kind!r}; allowed: nadir, best-8, best-2.5, ...")
    return kinds


@click.command(cls=Program)
@click.option(
    "--table", "tables", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True, help="Tabular benchmark, JSON; can be given several times.",
)  # fmt: skip
@click.option("--noisy", is_flag=True, help="Observe one training of a table, not their mean.")
@click.option(
    "--spaces", default="none", show_default=True, callback=_names,
    help=f"Synthetic ones, with commas: all, none, {', '.join(SPACES)}.",
)  # fmt: skip
@click.option(
    "--methods", default="all", show_default=True, callback=_names,
    help=f"With commas: all, {', '.join(METHODS)}.",
)  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), default=20, show_default=True, help="Studies.")
@click.option(
    "--evaluations", type=click.IntRange(1), default=100, show_default=True, help="A study."
)
@click.option(
    "--parallel", type=click.IntRange(1), default=8, show_default=True,
    help="Trials running at a time, for the parallel methods.",
)  # fmt: skip
@click.option(
    "--accuracy-reference", "references", default="nadir,best-8", show_default=True,
    callback=_references, help="Where usable begins: nadir, best-POINTS.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--ask-time", type=click.IntRange(1), help="Only time asking behind so many trials.")
def main(
    tables: tuple[Path, ...],
    noisy: bool,
    spaces: tuple[str, ...],
    methods: tuple[str, ...],
    seeds: int,
    evaluations: int,
    parallel: int,
    references: tuple[str, ...],
    jobs: int,
    ask_time: int | None,
) -> None:
    """Compare samplers on tables and synthetic spaces by what they find for their trainings."""
    sources = [Source(table=table, noisy=noisy) for table in tables]
    sources += [Source(space=space) for space in spaces]
    if not sources or not methods:
        raise click.UsageError("give --table or --spaces, and --methods")
    try:
        for source in sources:
            problem_of(source)
    except NasError as error:
        raise click.ClickException(str(error)) from error
    facts = environment()
    click.echo(f"{facts['processor']}, {facts['cores']} cores, {jobs} processes")
    if ask_time is not None:
        _time_asks(sources, methods, ask_time, parallel)
        return
    lines: list[str] = []
    for source in sources:
        for compared in _compare(source, methods, seeds, evaluations, parallel, references, jobs):
            lines += verdict(compared)
    click.echo("\n".join(["", "goals", *lines]))


def _compare(
    source: Source,
    methods: tuple[str, ...],
    seeds: int,
    evaluations: int,
    parallel: int,
    references: tuple[str, ...],
    jobs: int,
) -> list[Compared]:
    """Simulate every method on one problem and print a table a reference."""
    problem = problem_of(source)
    front = true_front(problem)
    runs = [
        Run(source, method, seed, evaluations, parallel)
        for method in methods
        for seed in range(seeds)
    ]
    traces = list(traces_of(runs, jobs))
    found = []
    for kind in references:
        summaries = {
            method: summarise(traces[place * seeds : (place + 1) * seeds], front, kind, evaluations)
            for place, method in enumerate(methods)
        }
        table = source.table is not None
        found.append(Compared(problem.name, kind, table, summaries, evaluations, parallel))
        click.echo(f"\n{problem.name}: {_described(front, kind)}, median (quartiles) of {seeds}")
        click.echo("\n".join(comparison(summaries, evaluations, parallel)))
    return found


def _described(front: TrueFront, kind: str) -> str:
    reference = front.reference(kind)
    how = "" if front.exact else " found by climbing from 20,000 random members"
    return (
        f"% of the hypervolume of {len(front.costs)} front members{how}, reference {kind} "
        f"({reference.cost / 1e6:.2f} M, {100 * reference.metric:.2f} %)"
    )


def _time_asks(sources: list[Source], methods: tuple[str, ...], trials: int, parallel: int) -> None:
    for source in sources:
        problem = problem_of(source)
        for method in methods:
            times = ask_times(problem, method, trials)
            seconds = [asked.processor for asked in times]
            line = f"{problem.name}, {title(method, parallel)}: asking behind {trials:,} trials "
            line += f"{median(seconds):.3f} s of processor time (highest {max(seconds):.3f}), "
            line += f"{median(asked.wall for asked in times):.3f} s by the clock; "
            line += f"the first ask {seconds[0]:.3f} s"
            if method in OURS:
                met = median(seconds) < MOST_ASK_SECONDS
                line += f"; {'met' if met else 'NOT MET'}: under {MOST_ASK_SECONDS:g} s"
            click.echo(line)


if __name__ == "__main__":
    main()

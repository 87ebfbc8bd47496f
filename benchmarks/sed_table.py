"""The table of `baselines/README.md`: runs of big baselines and compact networks side by side.

It reads what `nas train` and `nas baseline sed` wrote into the run folders, and trains nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

import click

from baselines.sed.backbones import (
    BACKBONES,
    PUBLISHED_ENSEMBLE_LEADERBOARD_LWLRAP,
    PublishedRun,
    published_runs,
)
from benchmarks.marked_place import show_table
from benchmarks.program import Program
from benchmarks.sed_runs import MeasuredRun, read_run
from nas.errors import NasError
from nas.spec.quantity import count_text
from nas.text_table import UNKNOWN

_HEAD = (
    "network", "trained with", "LWLRAP", "95 % interval", "precision", "recall", "macro-F1",
    "segment F1", "onset F1", "MACs", "parameters", "s / epoch", "published setting", "LWLRAP",
    "precision", "recall", "LB",
)  # fmt: skip
_METRICS = ("precision_50", "recall_50", "macro_f1", "segment_f1", "onset_f1")
_Repeats = list[MeasuredRun]


def markdown_table(runs: Sequence[MeasuredRun]) -> str:
    """A row for each setting, the runs that differ in their seed alone averaged; the dearest
    networks first.

    Raises NasError for runs on different data or splits, for a folder or a seed that comes twice.
    """
    _refuse_others(runs)
    rows = _repeats(runs)
    named = [_told_apart(row, rows) for row in rows]
    cells = [_HEAD, _rule(), *map(_row, rows, named)]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in cells) + "\n"


def _rule() -> tuple[str, ...]:
    """Text to the left, numbers to the right."""
    text = {"network", "trained with", "published setting"}
    return tuple("---" if name in text else "---:" for name in _HEAD)


def _refuse_others(runs: Sequence[MeasuredRun]) -> None:
    for index, run in enumerate(runs):
        if run.data != runs[0].data:
            raise NasError(
                f"has other data, classes or splits than {runs[0].folder}", file=run.folder
            )
        if run.folder.resolve() in [other.folder.resolve() for other in runs[:index]]:
            raise NasError("is given twice", file=run.folder)


def _repeats(runs: Sequence[MeasuredRun]) -> list[_Repeats]:
    """The runs by what they are repeats of, in the order of the table."""
    rows: list[_Repeats] = []
    for run in sorted(runs, key=lambda run: (-run.macs, run.name, run.practices)):
        row = next((row for row in rows if _is_repeat(row[0], run)), None)
        if row is None:
            rows.append([run])
            continue
        for other in row:
            if other.seed == run.seed:
                raise NasError(f"repeats the seed {run.seed} of {other.folder}", file=run.folder)
        row.append(run)
    return rows


def _is_repeat(one: MeasuredRun, other: MeasuredRun) -> bool:
    alike = (one.name, one.machine) == (other.name, other.machine)
    return alike and one.settings == other.settings


def _told_apart(row: _Repeats, rows: Sequence[_Repeats]) -> tuple[str, ...]:
    """How it was trained, with the settings in which rows of the same words differ."""
    first = row[0]
    alike = [
        other[0].settings
        for other in rows
        if (other[0].name, other[0].practices) == (first.name, first.practices)
    ]
    return first.practices + tuple(
        f"{name} {value}"
        for name, value in first.settings.items()
        if any(settings.get(name) != value for settings in alike)
    )


def published_beside(run: MeasuredRun) -> PublishedRun | None:
    """The published run of the same backbone, window and CBAM; their best practice for any other,
    though this run may not follow it: the table names the setting."""
    backbone = next((name for name, b in BACKBONES.items() if (b.model,) == run.members), None)
    if backbone is None:
        return None
    runs = published_runs(backbone)
    if run.width == 256:
        return next((other for other in runs if "256" in other.setting), None)
    if "CBAM" in run.practices:
        return next((other for other in runs if other.setting == "CBAM"), None)
    return next((other for other in runs if other.starred), None)


def _row(runs: _Repeats, practices: Sequence[str]) -> tuple[str, ...]:
    first = runs[0]
    seeds = "" if len(runs) == 1 else f"; {len(runs)} seeds"
    seconds = [run.seconds_per_epoch for run in runs if run.seconds_per_epoch is not None]
    return (
        first.name,
        f"{', '.join(practices)}{seeds}",
        _spread([run.test["lwlrap"] for run in runs]),
        _interval([run.test["lwlrap_ci95"] for run in runs]),
        *(_spread([run.test.get(metric) for run in runs]) for metric in _METRICS),
        count_text(first.macs),
        count_text(first.parameters),
        f"{mean(seconds):.3g} ({first.machine})" if seconds else UNKNOWN,
        *_published(first),
    )


def _published(run: MeasuredRun) -> tuple[str, ...]:
    """The setting's name, then its figures."""
    starred = {backbone.model for backbone in BACKBONES.values() if backbone.starred}
    if run.ensemble and set(run.members) == starred and len(run.members) == len(starred):
        leaderboard = f"{PUBLISHED_ENSEMBLE_LEADERBOARD_LWLRAP:g}"
        return ("mean of the starred", UNKNOWN, UNKNOWN, UNKNOWN, leaderboard)
    published = published_beside(run)
    if published is None:
        return (UNKNOWN,) * 5
    figures = (
        published.lwlrap,
        published.precision_50,
        published.recall_50,
        published.leaderboard_lwlrap,
    )
    shown = tuple(UNKNOWN if figure is None else f"{figure:g}" for figure in figures)
    return (f"{published.setting}{' *' if published.starred else ''}", *shown)


def _spread(values: Sequence[float | None]) -> str:
    """The mean, and the deviation from seed to seed where there are several."""
    known = [value for value in values if value is not None]
    if not known:
        return UNKNOWN
    spread = f" ± {stdev(known):.4f}" if len(known) > 1 else ""
    return f"{mean(known):.4f}{spread}"


def _interval(bounds: Sequence[Sequence[float]]) -> str:
    """Of one run; for several the mean of their bounds, as all are over the same recordings."""
    lower, upper = zip(*bounds, strict=True)
    return f"{mean(lower):.3f} to {mean(upper):.3f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


BEGIN = "<!-- runs: python -m benchmarks.sed_table -->"


@click.command(cls=Program)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--write", type=click.Path(path_type=Path), help="Put it into this file's place.")
def main(runs: tuple[Path, ...], write: Path | None) -> None:
    """Print a Markdown table of finished runs; runs that differ in their seed make one row."""
    table = markdown_table([read_run(run) for run in runs])
    show_table(table, write, BEGIN)


if __name__ == "__main__":
    main()

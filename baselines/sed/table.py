"""Runs side by side as a Markdown table, beside what the pipeline's authors published."""

from collections.abc import Sequence
from statistics import mean, stdev

from baselines.sed.backbones import BACKBONES
from baselines.sed.published import (
    PUBLISHED_ENSEMBLE_LEADERBOARD_LWLRAP,
    PublishedRun,
    published_runs,
)
from baselines.sed.runs import MeasuredRun
from nas.errors import NasError
from nas.spec.quantity import UNKNOWN, count_text

_HEAD = (
    "network", "trained with", "LWLRAP", "precision", "recall", "macro-F1", "segment F1",
    "onset F1", "MACs", "parameters", "s / epoch", "published: LWLRAP", "precision", "recall", "LB",
)  # fmt: skip
_METRICS = ("lwlrap", "precision_50", "recall_50", "macro_f1", "segment_f1", "onset_f1")


def markdown_table(runs: Sequence[MeasuredRun]) -> str:
    """A row for each setting, its seeds averaged; the dearest networks first.

    Raises NasError for runs on different data or splits.
    """
    for run in runs[1:]:
        if run.data != runs[0].data:
            raise NasError(
                f"has other data, classes or splits than {runs[0].folder}", file=run.folder
            )
    groups: dict[tuple[object, ...], list[MeasuredRun]] = {}
    for run in sorted(runs, key=lambda run: (-run.macs, run.name, run.practices)):
        groups.setdefault((run.name, run.practices, run.macs, run.machine), []).append(run)
    rows = [_HEAD, ("---",) * 2 + ("---:",) * (len(_HEAD) - 2), *map(_row, groups.values())]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows) + "\n"


def published_beside(run: MeasuredRun) -> PublishedRun | None:
    """The published run of the same backbone and setting; their best practice for any other."""
    backbone = next((name for name, b in BACKBONES.items() if (b.model,) == run.members), None)
    if backbone is None:
        return None
    runs = published_runs(backbone)
    if run.width == 256:
        return next((other for other in runs if "256" in other.setting), None)
    if "CBAM" in run.practices:
        return next((other for other in runs if other.setting == "CBAM"), None)
    return next((other for other in runs if other.starred), None)


def _row(runs: Sequence[MeasuredRun]) -> tuple[str, ...]:
    first = runs[0]
    seeds = "" if len(runs) == 1 else f"; {len(runs)} seeds"
    seconds = [run.seconds_per_epoch for run in runs if run.seconds_per_epoch is not None]
    return (
        first.name,
        f"{', '.join(first.practices)}{seeds}",
        *(_spread([run.test.get(metric) for run in runs]) for metric in _METRICS),
        count_text(first.macs),
        count_text(first.parameters),
        f"{mean(seconds):.3g} ({first.machine})" if seconds else UNKNOWN,
        *_published(first),
    )


def _published(run: MeasuredRun) -> tuple[str, ...]:
    starred = {backbone.model for backbone in BACKBONES.values() if backbone.starred}
    if run.ensemble and set(run.members) == starred and len(run.members) == len(starred):
        return (UNKNOWN, UNKNOWN, UNKNOWN, f"{PUBLISHED_ENSEMBLE_LEADERBOARD_LWLRAP:g}")
    published = published_beside(run)
    if published is None:
        return (UNKNOWN,) * 4
    figures = (
        published.lwlrap,
        published.precision_50,
        published.recall_50,
        published.leaderboard_lwlrap,
    )
    return tuple(UNKNOWN if figure is None else f"{figure:g}" for figure in figures)


def _spread(values: Sequence[float | None]) -> str:
    """The mean, and the deviation from seed to seed where there are several."""
    known = [value for value in values if value is not None]
    if not known:
        return UNKNOWN
    spread = f" ± {stdev(known):.4f}" if len(known) > 1 else ""
    return f"{mean(known):.4f}{spread}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

"""How the arms compare, as text."""

from collections.abc import Sequence
from math import inf
from pathlib import Path
from statistics import median

from benchmarks.wall_clock.arms import Arm, ArmRun
from benchmarks.wall_clock.cells import UNKNOWN, f1_text, known_median
from benchmarks.wall_clock.comparison import Comparison, compare
from benchmarks.wall_clock.front import (
    best_within,
    volume_at,
)
from benchmarks.wall_clock.measured import Measured, Timeline
from benchmarks.wall_clock.retrained_table import retrained_tables
from benchmarks.wall_clock.retraining import read_retrained
from nas.errors import NasError
from nas.spec.quantity import count_text
from nas.text_table import aligned

STEPS = 10
"""Moments at which the hypervolume is told."""

Runs = dict[Arm, dict[int, Timeline]]
"""By arm and seed."""


def report_text(
    out: Path,
    runs: Sequence[ArmRun],
    limits: Sequence[int],
    minutes: float | None,
    references: Sequence[float],
) -> str:
    """All tables. Raises NasError for runs under different terms."""
    terms = runs[0].terms
    other = [run.name for run in runs if run.terms != terms]
    if other:
        raise NasError(f"{', '.join(other)} ran under other terms than {runs[0].name}", file=out)
    until = min(minutes or terms.minutes, terms.minutes)
    timelines: Runs = {}
    for run in runs:
        timelines.setdefault(run.arm, {})[run.seed] = run.timeline(until)
    parts = [_heading(runs, until), _totals(runs, timelines, limits)]
    for reference in references:
        parts.append(_volumes(timelines, until, terms.max_macs, reference))
        parts.append(_against(timelines, until, terms.max_macs, reference))
    retrained = read_retrained(out)
    if retrained:
        parts.append(retrained_tables(runs, retrained, limits, minutes))
    return "\n\n".join(part for part in parts if part)


def _heading(runs: Sequence[ArmRun], until: float) -> str:
    terms, facts = runs[0].terms, runs[0].environment or {}
    unfinished = [run.name for run in runs if run.ended_at is None]
    lines = [
        f"{until:g} minutes of wall-clock each, on {terms.cores_each} cores each, {terms.space}, "
        f"{terms.epochs} epochs, at most {count_text(terms.max_macs)} MACs; seeds "
        f"{', '.join(map(str, sorted({run.seed for run in runs})))}",
        f"{facts.get('processor')}, torch {facts.get('torch')}, optuna {facts.get('optuna')}, "
        f"commit {facts.get('commit')}; further flags of nas search: {terms.our_flags or 'none'}",
        "macro-F1 is of the validation split, of networks trained to the end within the time",
    ]
    if unfinished:
        lines.append(f"NOT FINISHED: {', '.join(unfinished)}")
    return "\n".join(lines)


def _totals(runs: Sequence[ArmRun], timelines: Runs, limits: Sequence[int]) -> str:
    head = ["run", "measured", "repeats", "stopped", "over budget", "epochs", "CPU min"]
    rows = [[*head, *(f"F1 <= {count_text(limit)}" for limit in limits)]]
    for run in runs:
        found = timelines[run.arm][run.seed]
        cpu = UNKNOWN if run.processor_s is None else f"{run.processor_s / 60:.1f}"
        counts = (len(found.measured), found.repeats, found.stopped, found.refused, found.epochs)
        best = [_f1(best_within(found.measured, limit)) for limit in limits]
        rows.append([run.name, *map(str, counts), cpu, *map(f1_text, best)])
    for arm in timelines:
        of_arm = list(timelines[arm].values())
        networks = median(len(found.measured) for found in of_arm)
        best = [
            known_median([_f1(best_within(found.measured, limit)) for found in of_arm])
            for limit in limits
        ]
        gap = [""] * (len(head) - 2)
        rows.append([f"{arm}, median", f"{networks:g}", *gap, *map(f1_text, best)])
    return "\n".join(aligned(rows, left=(0,)))


def _volumes(timelines: Runs, until: float, max_macs: int, reference: float) -> str:
    moments = [until * step / STEPS for step in range(1, STEPS + 1)]
    rows = [["minute", *(f"{moment:g}" for moment in moments)]]
    for arm, of_arm in timelines.items():
        curves = {
            seed: [volume_at(found.measured, 60 * m, max_macs, reference) for m in moments]
            for seed, found in of_arm.items()
        }
        rows += [[f"{arm} seed {s}", *(f"{v:.3f}" for v in c)] for s, c in curves.items()]
        middle = [median(values) for values in zip(*curves.values(), strict=True)]
        rows.append([f"{arm}, median", *(f"{value:.3f}" for value in middle)])
    title = (
        f"Hypervolume (decades of MACs below {count_text(max_macs)}, times macro-F1 above "
        f"{reference:g})"
    )
    return "\n".join([title, *aligned(rows, left=(0,))])


def _against(timelines: Runs, until: float, max_macs: int, reference: float) -> str:
    """Ours against each other arm, seed by seed."""
    ours = timelines.get("ours", {})
    parts: list[str] = []
    for arm, of_arm in timelines.items():
        seeds = sorted(set(ours) & set(of_arm)) if arm != "ours" else []
        if seeds:
            compared = [
                compare(ours[seed].measured, of_arm[seed].measured, max_macs, reference)
                for seed in seeds
            ]
            parts.append(_comparison_table(arm, seeds, compared, until))
    return "\n\n".join(parts)


def _comparison_table(
    arm: Arm, seeds: Sequence[int], compared: Sequence[Comparison], until: float
) -> str:
    """`equalled`: members of its front with no higher macro-F1 than our best at no more MACs."""
    head = ("its front", "equalled", "largest gap", "volume", "its volume at minute", "share")
    rows = [[f"ours against {arm}", *head]]
    shares: list[float] = []
    for seed, item in zip(seeds, compared, strict=True):
        share = inf if item.reached_s is None else item.reached_s / (60 * until)
        known = item.other_volume > 0
        shares += [share] if known else []
        rows.append(
            [
                f"seed {seed}",
                str(len(item.gaps)),
                str(item.equalled),
                f1_text(max(item.gaps, default=None), signed=True),
                f"{item.volume / item.other_volume:.2f}x" if known else UNKNOWN,
                f"{_minute(item.reached_s)} (it {_minute(item.other_reached_s)})",
                _share(share) if known else UNKNOWN,
            ]
        )
    rows.append(["median", *[""] * (len(head) - 1), _share(median(shares)) if shares else UNKNOWN])
    note = (
        "equalled: members of its front whose macro-F1 our best at no more MACs has or exceeds; "
        f"share: of the {until:g} minutes, until our volume was what its was in the end"
    )
    return "\n".join([*aligned(rows, left=(0,)), note])


def _minute(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds / 60:.1f}"


def _share(share: float) -> str:
    return "never" if share == inf else f"{share:.0%}"


def _f1(item: Measured | None) -> float | None:
    return None if item is None else item.macro_f1

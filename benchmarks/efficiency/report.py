"""The lines that are printed."""

import math
from collections.abc import Mapping, Sequence

from benchmarks.efficiency.methods import METHODS
from benchmarks.efficiency.summary import GOALS, Summary
from nas.text_table import aligned

STOPS = (10, 25, 50, 100, 200, 400)


def stops(evaluations: int) -> tuple[int, ...]:
    """Evaluations after which shares are printed."""
    return tuple(stop for stop in STOPS if stop <= evaluations) or (evaluations,)


def comparison(summaries: Mapping[str, Summary], evaluations: int, running: int) -> list[str]:
    """One line a method: median (quartiles) of the share in %, evaluations to 95 and 99 %."""
    head = ["method", *(f"after {stop}" for stop in stops(evaluations))]
    head += [*(f"to {100 * goal:.0f} %" for goal in GOALS), "repeats", "ask ms"]
    rows = [_row(name, summary, evaluations, running) for name, summary in summaries.items()]
    return aligned([head, *rows], left={0})


def title(name: str, running: int) -> str:
    """A method's, with how many run at a time."""
    method = METHODS[name]
    return f"{method.title}, {running} in parallel" if method.parallel else method.title


def _row(name: str, summary: Summary, evaluations: int, running: int) -> list[str]:
    cells = [title(name, running)]
    for stop in stops(evaluations):
        low, mid, high = summary.quartiles(stop)
        cells.append(f"{mid:.1f} ({low:.1f} to {high:.1f})")
    cells += [needed_text(summary.evaluations_to(goal), evaluations) for goal in GOALS]
    cells.append(f"{100 * summary.repeats / max(summary.proposals, 1):.0f} %")
    cells.append(f"{1000 * summary.ask_seconds / max(summary.proposals, 1):.0f}")
    return cells


def needed_text(needed: float, evaluations: int) -> str:
    """`26`, or `> 100` if it wasn't reached."""
    return f"> {evaluations}" if math.isinf(needed) else f"{needed:g}"


def below_random(
    summaries: Mapping[str, Summary], names: Sequence[str], evaluations: int
) -> list[str]:
    """Where a median of the methods named is below that of random draws: `known cost at 10: ...`"""
    found = []
    for name in names:
        for stop in stops(evaluations):
            ours = summaries[name].quartiles(stop)[1]
            chance = summaries["random"].quartiles(stop)[1]
            if ours < chance:
                found.append(f"{name} at {stop}: {ours:.1f} against {chance:.1f} %")
    return found

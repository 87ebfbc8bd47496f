"""Rows of cells, and the figures of metrics in them, as plain text."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

UNKNOWN = "-"
"""Stands where nothing can be said."""

MOST_CLASSES = 60
"""Most classes that have a line each."""


def shown_classes(values: Sequence[float]) -> tuple[list[int], list[str]]:
    """Positions of the classes that have a line each, and a line on the others.

    All, in their order; of many those with the lowest values, lowest first.
    """
    if len(values) <= MOST_CLASSES:
        return list(range(len(values))), []
    lowest = sorted(range(len(values)), key=values.__getitem__)[:MOST_CLASSES]
    return lowest, [f"... and {len(values) - MOST_CLASSES} classes above these"]


def aligned(rows: Sequence[Sequence[str]], left: Collection[int]) -> list[str]:
    """A line a row, columns two spaces apart; the columns in `left` are flush left, others right.

    Every row has the same number of cells.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def metric_text(value: float | None) -> str:
    """Four decimals."""
    return UNKNOWN if value is None else f"{value:.4f}"


def interval_text(interval: Sequence[float] | None) -> str:
    """`0.5000 to 0.7000`, or a dash."""
    if interval is None:
        return UNKNOWN
    low, high = interval
    return f"{metric_text(low)} to {metric_text(high)}"


def share_text(part: int, whole: int) -> str:
    """Part of a whole with four decimals; a dash for a part of nothing."""
    return metric_text(part / whole if whole else None)


def figure_table(values: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    """A line a figure with its interval, which `values` has under `NAME_ci95`."""
    rows = [("figure", "value", "95 % interval")]
    rows += [
        (title, metric_text(values[name]), interval_text(values[f"{name}_ci95"]))
        for name, title in titles.items()
    ]
    return aligned(rows, left=(0, 2))

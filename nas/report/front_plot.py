"""The picture of a search: every network's MACs against its metric, and the front."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nas.files import atomic_write_bytes
from nas.report.figure import BLUE, GREY, INK, PURPLE, SKY, VERMILION, new_figure, png_bytes
from nas.report.tables import metric_text, metric_title
from nas.runs.certainty import Estimate
from nas.runs.records import TrialRecord
from nas.spec.quantity import count_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Locator


def plot_front(
    records: Sequence[TrialRecord],
    front: Collection[int],
    best: int | None,
    path: Path,
    *,
    max_macs: int | None,
    repeated: Mapping[int, Estimate],
    metric: str,
) -> None:
    """Write `front_png` to `path`, atomically."""
    png = front_png(records, front, best, max_macs=max_macs, repeated=repeated, metric=metric)
    atomic_write_bytes(path, png)


def front_png(
    records: Sequence[TrialRecord],
    front: Collection[int],
    best: int | None,
    *,
    max_macs: int | None,
    repeated: Mapping[int, Estimate],
    metric: str,
) -> bytes:
    """A PNG of trained networks over a logarithmic MACs axis, the front as a staircase.

    `front`, `best` and the keys of `repeated` are trial numbers. Stopped trainings are hollow marks
    at what was predicted; networks without a value stand as ticks on the axis. `repeated` is what
    is expected of those that were trained again: a mark at the mean, a line to the lower bound.
    """
    figure = new_figure(8, 5.2)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    title = metric_title(metric)
    axes.set_xlabel("multiply-adds of one sample (MACs, logarithmic)")
    axes.set_ylabel(f"validation {title}")
    trained = _points(records)
    _set_limits(axes, records, max_macs)
    _draw_stopped(axes, records)
    _draw_rest(axes, [point for point in trained if point.number not in front])
    _draw_front(axes, [point for point in trained if point.number in front], max_macs)
    _draw_repeated(axes, [point for point in trained if point.number in repeated], repeated)
    _draw_best(axes, trained, best, title)
    _draw_untrained(axes, records)
    if max_macs is not None:
        label = f"budget ({count_text(max_macs)})"
        axes.axvline(max_macs, color=INK, linestyle=(0, (5, 3)), linewidth=1.3, label=label)
    if not trained:
        axes.set_ylim(0, 1)
        message = "no network has been trained"
        axes.text(0.5, 0.5, message, transform=axes.transAxes, ha="center", color=GREY)
    axes.grid(True, color="#E4E4E4", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return png_bytes(figure)


class _Point(NamedTuple):
    macs: int
    value: float
    number: int


def _points(records: Sequence[TrialRecord]) -> list[_Point]:
    """The trained networks, cheapest first."""
    return sorted(
        _Point(_position(record.macs), record.metric, record.number)
        for record in records
        if record.state == "trained" and record.macs is not None and record.metric is not None
    )


def _position(macs: int) -> int:
    """MACs on a logarithmic axis, which has no place for 0."""
    return max(macs, 1)


def _draw_rest(axes: "Axes", points: Sequence[_Point]) -> None:
    if points:
        axes.scatter(
            [point.macs for point in points],
            [point.value for point in points],
            s=28,
            color=SKY,
            edgecolor="white",
            linewidth=0.5,
            alpha=0.85,
            label=f"trained, not on the front ({len(points)})",
        )


def _draw_stopped(axes: "Axes", records: Sequence[TrialRecord]) -> None:
    """Hollow marks where the stopped trainings would have come out."""
    stopped = [
        (_position(record.macs), record.predicted)
        for record in records
        if record.state == "stopped" and record.macs is not None and record.predicted is not None
    ]
    if stopped:
        macs, values = zip(*stopped, strict=True)
        label = f"stopped early, as predicted ({len(stopped)})"
        axes.scatter(macs, values, s=28, facecolor="none", edgecolor=SKY, label=label)


def _draw_front(axes: "Axes", points: Sequence[_Point], max_macs: int | None) -> None:
    if not points:
        return
    macs = [point.macs for point in points]
    values = [point.value for point in points]
    # To the right of its dearest member the front goes on level: more MACs gained nothing.
    edge = max(axes.get_xlim()[1] if max_macs is None else max_macs, macs[-1])
    axes.step([*macs, edge], [*values, values[-1]], where="post", color=BLUE, linewidth=1.6)
    label = f"front ({len(points)})"
    axes.scatter(macs, values, s=46, color=BLUE, edgecolor="white", zorder=3, label=label)


def _draw_best(axes: "Axes", points: Sequence[_Point], best: int | None, title: str) -> None:
    for point in points:
        if point.number == best:
            cost = f"{count_text(point.macs)} MACs"
            axes.scatter(
                [point.macs],
                [point.value],
                s=230,
                marker="*",
                color=VERMILION,
                edgecolor="white",
                zorder=4,
                label=f"chosen: trial {best} ({cost}, {title} {metric_text(point.value)})",
            )


def _draw_repeated(
    axes: "Axes", points: Sequence[_Point], repeated: Mapping[int, Estimate]
) -> None:
    if points:
        known = [repeated[point.number] for point in points]
        axes.errorbar(
            [point.macs for point in points],
            [item.mean for item in known],
            yerr=[[item.mean - item.lower for item in known], [0.0] * len(known)],
            fmt="D",
            markersize=5,
            color=VERMILION,
            capsize=4,
            linewidth=1.3,
            zorder=3.5,
            label=f"trained again: mean, lower bound ({len(points)})",
        )


def _draw_untrained(axes: "Axes", records: Sequence[TrialRecord]) -> None:
    for state, marker, colour, name in (
        ("over_budget", "|", PURPLE, "over budget, not trained"),
        ("failed", "x", INK, "failed"),
    ):
        macs = [_position(r.macs) for r in records if r.state == state and r.macs is not None]
        if macs:
            axes.scatter(
                macs,
                [0.02] * len(macs),
                transform=axes.get_xaxis_transform(),
                s=60,
                marker=marker,
                color=colour,
                linewidth=1.2,
                label=f"{name} ({len(macs)})",
            )


def _set_limits(axes: "Axes", records: Sequence[TrialRecord], max_macs: int | None) -> None:
    """Limits around all that is drawn, and as many ticks as are readable."""
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    macs = [_position(record.macs) for record in records if record.macs is not None]
    macs += [] if max_macs is None else [max_macs]
    low, high = (min(macs), max(macs)) if macs else (10**6, 10**8)
    margin = max((high / low) ** 0.05, 1.03)
    axes.set_xlim(low / margin, high * margin)
    axes.xaxis.set_major_locator(_tick_locator(low / margin, high * margin))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick_text(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _tick_locator(low: float, high: float) -> "Locator":
    from matplotlib.ticker import LogLocator, MaxNLocator

    for subs in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)):
        locator = LogLocator(subs=subs, numticks=20)
        shown = [value for value in locator.tick_values(low, high) if low <= value <= high]
        if len(shown) >= 5:
            return locator
    return MaxNLocator(nbins=6)


def _tick_text(macs: float) -> str:
    for size, unit in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if macs >= size:
            return f"{macs / size:g}{unit}"
    return f"{macs:g}"

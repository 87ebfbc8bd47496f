"""The picture of a search: every network's cost against its metric, and the front."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from nas.report.figure import BLUE, GREY, INK, PURPLE, SKY, VERMILION, new_figure, png_bytes
from nas.report.findings import Findings
from nas.report.tables import metric_title
from nas.runs.records import Estimate, TrialRecord
from nas.text_table import metric_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Locator


def front_png(found: Findings) -> bytes:
    """A PNG of trained networks over a logarithmic axis of cost, the front as a staircase.

    Stopped trainings are hollow marks at what was predicted; networks without a value stand as
    ticks on the axis. Those that were trained again have a mark at the mean of that, and a line to
    the lower bound.
    """
    figure = new_figure(8, 5.2)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.set_xlabel(found.cost.axis_label)
    axes.set_ylabel(f"validation {metric_title(found.metric)}")
    trained, repeated = _points(found), found.certainty.repeated
    _set_limits(axes, found)
    _draw_stopped(axes, found)
    _draw_rest(axes, [point for point in trained if point.number not in found.front])
    _draw_front(axes, [point for point in trained if point.number in found.front], found)
    _draw_repeated(axes, [point for point in trained if point.number in repeated], repeated)
    _draw_best(axes, trained, found)
    _draw_untrained(axes, found)
    if found.max_cost is not None:
        label = f"budget ({found.cost.text(found.max_cost)})"
        axes.axvline(found.max_cost, color=INK, linestyle=(0, (5, 3)), linewidth=1.3, label=label)
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
    cost: float
    value: float
    number: int


def _points(found: Findings) -> list[_Point]:
    """The trained networks, cheapest first."""
    places = _places(found, "trained")
    return sorted(
        _Point(cost, record.metric, record.number)
        for cost, record in places
        if record.metric is not None
    )


def _places(found: Findings, state: str | None = None) -> list[tuple[float, TrialRecord]]:
    """Where the networks, or those of a state, lie on the axis of cost; 0 lies at 1."""
    known = [(found.cost_of(item), item) for item in found.records]
    return [
        (cost if cost > 0 else 1, item)
        for cost, item in known
        if cost is not None and state in (None, item.state)
    ]


def _draw_rest(axes: "Axes", points: Sequence[_Point]) -> None:
    if points:
        axes.scatter(
            [point.cost for point in points],
            [point.value for point in points],
            s=28,
            color=SKY,
            edgecolor="white",
            linewidth=0.5,
            alpha=0.85,
            label=f"trained, not on the front ({len(points)})",
        )


def _draw_stopped(axes: "Axes", found: Findings) -> None:
    """Hollow marks at the predicted metrics of stopped trainings."""
    places = _places(found, "stopped")
    stopped = [(cost, item.predicted) for cost, item in places if item.predicted is not None]
    if stopped:
        costs, values = zip(*stopped, strict=True)
        label = f"stopped early, as predicted ({len(stopped)})"
        axes.scatter(costs, values, s=28, facecolor="none", edgecolor=SKY, label=label)


def _draw_front(axes: "Axes", points: Sequence[_Point], found: Findings) -> None:
    if not points:
        return
    costs = [point.cost for point in points]
    values = [point.value for point in points]
    # To the right of its most expensive member the front is level: a higher cost gained nothing.
    edge = max(axes.get_xlim()[1] if found.max_cost is None else found.max_cost, costs[-1])
    axes.step([*costs, edge], [*values, values[-1]], where="post", color=BLUE, linewidth=1.6)
    label = f"front ({len(points)})"
    axes.scatter(costs, values, s=46, color=BLUE, edgecolor="white", zorder=3, label=label)


def _draw_best(axes: "Axes", points: Sequence[_Point], found: Findings) -> None:
    for point in points:
        if point.number == found.best:
            cost, title = found.cost.phrase(point.cost), metric_title(found.metric)
            axes.scatter(
                [point.cost],
                [point.value],
                s=230,
                marker="*",
                color=VERMILION,
                edgecolor="white",
                zorder=4,
                label=f"chosen: trial {found.best} ({cost}, {title} {metric_text(point.value)})",
            )


def _draw_repeated(
    axes: "Axes", points: Sequence[_Point], repeated: Mapping[int, Estimate]
) -> None:
    if points:
        known = [repeated[point.number] for point in points]
        axes.errorbar(
            [point.cost for point in points],
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


def _draw_untrained(axes: "Axes", found: Findings) -> None:
    for state, marker, colour, name in (
        ("over_budget", "|", PURPLE, "over budget, not trained"),
        ("failed", "x", INK, "failed"),
    ):
        costs = [cost for cost, _ in _places(found, state)]
        if costs:
            axes.scatter(
                costs,
                [0.02] * len(costs),
                transform=axes.get_xaxis_transform(),
                s=60,
                marker=marker,
                color=colour,
                linewidth=1.2,
                label=f"{name} ({len(costs)})",
            )


def _set_limits(axes: "Axes", found: Findings) -> None:
    """Limits around all that is drawn, and as many ticks as are readable."""
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    costs = [cost for cost, _ in _places(found)]
    costs += [] if found.max_cost is None else [found.max_cost]
    low, high = (min(costs), max(costs)) if costs else (10**6, 10**8)
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


def _tick_text(cost: float) -> str:
    for size, unit in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if cost >= size:
            return f"{cost / size:g}{unit}"
    return f"{cost:g}"

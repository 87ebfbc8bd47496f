"""Learning curves as pictures: one training run, or the members of a front."""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from nas.files import atomic_write_bytes
from nas.report.figure import BLUE, VERMILION, new_figure, png_bytes
from nas.report.findings import Findings
from nas.report.tables import metric_title
from nas.runs.costs import CostKind
from nas.text_table import metric_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap


def plot_history(
    train_loss: Sequence[float],
    validation: Sequence[float],
    path: Path,
    *,
    best_epoch: int | None,
    metric: str,
) -> None:
    """Write a PNG of one run's loss above its validation metric, by epoch from 1, atomically."""
    figure = new_figure(8, 5.2)
    loss_axes, metric_axes = figure.subplots(2, 1, sharex=True)
    epochs = range(1, len(train_loss) + 1)
    marker = "o" if len(train_loss) <= 40 else None
    style = {"color": BLUE, "linewidth": 1.6, "markersize": 3.5, "marker": marker}
    loss_axes.plot(epochs, train_loss, **style)
    loss_axes.set_ylabel("training loss")
    metric_axes.plot(range(1, len(validation) + 1), validation, **style)
    metric_axes.set_ylabel(f"validation {metric_title(metric)}")
    if best_epoch is not None:
        best = validation[best_epoch - 1]
        label = f"best: {metric_text(best)} after epoch {best_epoch}"
        metric_axes.scatter([best_epoch], [best], s=170, marker="*", color=VERMILION, zorder=3)
        metric_axes.set_title(label, loc="right", fontsize=10, color=VERMILION)
    _dress(loss_axes, len(epochs))
    _dress(metric_axes, len(epochs))
    metric_axes.set_xlabel("epoch")
    atomic_write_bytes(path, png_bytes(figure))


def front_curves_png(found: Findings) -> bytes | None:
    """A PNG of the front members' validation metric by epoch; None if none has a history.

    Lines go from dark to bright with growing cost; the chosen one stands out.
    """
    members = [record for record in found.members(found.front) if record.history]
    if not members:
        return None
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    figure = new_figure(8, 4.2)
    axes = figure.add_subplot()
    costs = [found.cost_of(record) or 1 for record in members]
    # A range of one value has no colours: half a decade on each side.
    low, high = (min(costs), max(costs)) if len(set(costs)) > 1 else (costs[0] / 3, costs[0] * 3)
    scale, palette = LogNorm(low, high), _colours()
    for record, cost in zip(members, costs, strict=True):
        chosen = record.number == found.best
        axes.plot(
            range(1, len(record.history) + 1),
            record.history,
            color=VERMILION if chosen else palette(float(scale(cost))),
            linewidth=2.6 if chosen else 1.3,
            marker="o" if chosen or len(record.history) == 1 else None,
            markersize=4,
            zorder=3 if chosen else 2,
            label=f"chosen: trial {record.number} ({found.cost.phrase(cost)})" if chosen else None,
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"validation {metric_title(found.metric)}")
    _dress(axes, max(len(record.history) for record in members))
    if any(record.number == found.best for record in members):
        axes.legend(loc="lower right", frameon=False)
    if len(set(costs)) > 1:
        bar = figure.colorbar(ScalarMappable(scale, palette), ax=axes, pad=0.02)
        _label_costs(bar, found.cost, costs[0], costs[-1])
    return png_bytes(figure)


def _label_costs(bar: "Colorbar", kind: CostKind, low: float, high: float) -> None:
    ticks = [low, sqrt(low * high), high]
    bar.set_ticks(ticks, labels=[kind.text(tick) for tick in ticks])
    bar.minorticks_off()
    bar.set_label(f"{kind.head} (logarithmic)")
    bar.outline.set_visible(False)


def _colours() -> "Colormap":
    """Cividis without its brightest fifth, which is too pale for a line on white."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["cividis"]([share / 255 * 0.8 for share in range(256)]))


def _dress(axes: "Axes", epochs: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    margin = max(0.5, 0.02 * epochs)
    axes.set_xlim(1 - margin, epochs + margin)
    axes.grid(True, color="#E4E4E4", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)

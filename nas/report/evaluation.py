"""An evaluation as lines and as pictures: a confusion matrix."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nas.files import atomic_write_bytes
from nas.report.figure import INK, drawable_labels, new_figure, png_bytes, text_font
from nas.report.tables import metric_title
from nas.text_table import interval_text, metric_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas.tasks.base import Metrics

Matrix = npt.NDArray[np.integer] | Sequence[Sequence[int]]

_LONGEST_NAME = 26


def plot_confusion(matrix: Matrix, classes: Sequence[str], path: Path) -> None:
    """Write `confusion_png` to `path`, atomically."""
    atomic_write_bytes(path, confusion_png(matrix, classes))


def confusion_png(matrix: Matrix, classes: Sequence[str]) -> bytes:
    """A PNG of counts (K, K), rows true and columns predicted, shaded by share of the row.

    Cells of 0 are blank. Raises ValueError unless the matrix has a row and a column for each class.
    """
    counts_KK = np.asarray(matrix, dtype=np.int64)
    if not classes or counts_KK.shape != (len(classes), len(classes)):
        raise ValueError(f"a matrix of shape {counts_KK.shape} for {len(classes)} classes")
    totals_K1 = counts_KK.sum(axis=1, keepdims=True)
    # A class without samples has a row of zeros, which stays white.
    shares_KK = counts_KK / np.maximum(totals_K1, 1)
    labels = drawable_labels(classes, _LONGEST_NAME, lambda index: f"class {index + 1}")
    longest = max(map(len, labels))
    cell_in = 0.62 if len(classes) <= 8 else 0.46 if len(classes) <= 20 else 0.3
    side_in = max(2.6, cell_in * len(classes)) + 0.085 * longest
    figure = new_figure(side_in + 1.9, side_in + 0.9)
    axes = figure.add_subplot()
    image = axes.imshow(shares_KK, cmap="Blues", vmin=0, vmax=1)
    _label_axes(axes, labels, size=10 if len(classes) <= 20 else 8)
    _print_counts(axes, counts_KK, shares_KK, cell_in)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, shrink=0.8, aspect=30)
    bar.set_label("share of the true class")
    bar.outline.set_visible(False)
    return png_bytes(figure)


def _label_axes(axes: "Axes", labels: Sequence[str], size: int) -> None:
    font = text_font()
    font.set_size(size)
    places = range(len(labels))
    rotation = 0 if max(map(len, labels)) <= 4 and len(labels) <= 20 else 90
    # Names are the user's: a `$` in them is no mathematics.
    axes.set_xticks(places, labels, fontproperties=font, rotation=rotation, parse_math=False)
    axes.set_yticks(places, labels, fontproperties=font, parse_math=False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    edges = [place - 0.5 for place in range(len(labels) + 1)]
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color="#E2E6EA", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def _print_counts(
    axes: "Axes",
    counts_KK: npt.NDArray[np.int64],
    shares_KK: npt.NDArray[np.float64],
    cell_in: float,
) -> None:
    digits = len(str(counts_KK.max()))
    # 72 points an inch, a digit about 0.65 of the letter's height, a fifth of the cell left free.
    size = min(11.0, 0.8 * cell_in * 72 / (0.65 * max(digits, 2)))
    for row, column in zip(*np.nonzero(counts_KK), strict=True):
        axes.text(
            column,
            row,
            str(counts_KK[row, column]),
            ha="center",
            va="center",
            fontsize=size,
            color="white" if shares_KK[row, column] > 0.55 else INK,
            in_layout=False,  # within its cell; measuring 3,600 of them takes seconds
        )


def evaluation_lines(split: str, primary_metric: str, metrics: "Metrics") -> list[str]:
    """Figures of the classes, then the primary metric with its interval."""
    values = metrics.with_intervals()
    interval = interval_text(values[f"{primary_metric}_ci95"])
    shown = f"{metric_text(values[primary_metric])} (95 % interval {interval})"
    more = f", accuracy {metric_text(values['accuracy'])}" if "accuracy" in values else ""
    return [*metrics.lines(), f"{split} {metric_title(primary_metric)} {shown}{more}"]


def draw_evaluation(metrics: "Metrics", folder: Path) -> None:
    """Write the pictures of these metrics into `folder`."""
    if (found := metrics.confusion_matrix()) is not None:
        plot_confusion(*found, folder / "confusion.png")

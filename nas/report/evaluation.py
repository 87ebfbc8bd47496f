"""An evaluation as lines and as pictures: a confusion matrix."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nas.files import atomic_write_bytes
from nas.metrics.confusion import Confusion
from nas.report.figure import (
    BLUE,
    INK,
    drawable_labels,
    new_figure,
    only_drawn,
    png_bytes,
    text_font,
)
from nas.report.tables import metric_title
from nas.text_table import interval_text, metric_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas.tasks.base import Metrics

_LONGEST_NAME = 26

_MOST_IN_MATRIX = 30
"""Most classes that are drawn as a matrix: each cell is a text, which takes time and memory."""
_PAIRS = 30
"""Pairs that are drawn of more classes."""


def plot_confusion(confusion: Confusion, classes: Sequence[str], path: Path) -> None:
    """Write `confusion_png` to `path`, atomically."""
    atomic_write_bytes(path, confusion_png(confusion, classes))


def confusion_png(confusion: Confusion, classes: Sequence[str]) -> bytes:
    """A PNG of the matrix; of more than 30 classes of the pairs that are confused most often.

    Raises ValueError unless there is a name for each class.
    """
    if not classes or confusion.num_classes != len(classes):
        raise ValueError(f"pairs of {confusion.num_classes} classes for {len(classes)} names")
    if len(classes) > _MOST_IN_MATRIX:
        return _pairs_png(confusion, classes)
    return _matrix_png(confusion.matrix(), classes)


def most_confused(confusion: Confusion, count: int) -> list[tuple[int, int, int]]:
    """True class, predicted class and samples of the pairs that are confused most often.

    The earlier ones of equals.
    """
    wrong_P = np.flatnonzero(confusion.true_P != confusion.predicted_P)
    most = wrong_P[np.argsort(-confusion.counts_P[wrong_P], kind="stable")][:count]
    columns = confusion.true_P[most], confusion.predicted_P[most], confusion.counts_P[most]
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _pairs_png(confusion: Confusion, classes: Sequence[str]) -> bytes:
    """A bar a pair, as long as the pair is frequent."""
    from matplotlib.ticker import MaxNLocator

    pairs = most_confused(confusion, _PAIRS)
    samples_K = confusion.samples_K
    named = [k for true, predicted, _ in pairs for k in (true, predicted)]
    names = drawable_labels(
        [classes[k] for k in named], _LONGEST_NAME, lambda index: f"class {named[index] + 1}"
    )
    labels = [
        f"{true}  taken for  {predicted}"
        for true, predicted in zip(names[::2], names[1::2], strict=True)
    ]
    figure = new_figure(9, 1.2 + 0.26 * max(len(pairs), 1))
    axes = figure.add_subplot()
    places = range(len(pairs))
    axes.barh(places, [count for _, _, count in pairs], color=BLUE, height=0.7)
    for place, (true, _, count) in zip(places, pairs, strict=True):
        axes.text(count, place, f" {count} of {samples_K[true]}", va="center", fontsize=8)
    axes.set_yticks(places, labels, fontproperties=text_font(), fontsize=8, parse_math=False)
    axes.invert_yaxis()
    axes.margins(x=0.15, y=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("samples of the true class" if pairs else "no class was taken for another")
    axes.set_title(f"most confused of {len(classes)} classes", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return png_bytes(figure)


def _matrix_png(counts_KK: npt.NDArray[np.int64], classes: Sequence[str]) -> bytes:
    """Rows true and columns predicted, shaded by share of the row; cells of 0 are blank."""
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
            in_layout=False,  # within its cell; measuring hundreds of them takes seconds
        )


def evaluation_lines(split: str, primary_metric: str, metrics: "Metrics") -> list[str]:
    """Figures of the classes, then the primary metric with its interval."""
    values = metrics.with_intervals()
    interval = interval_text(values[f"{primary_metric}_ci95"])
    shown = f"{metric_text(values[primary_metric])} (95 % interval {interval})"
    more = f", accuracy {metric_text(values['accuracy'])}" if "accuracy" in values else ""
    return [*metrics.lines(), f"{split} {metric_title(primary_metric)} {shown}{more}"]


def draw_evaluation(metrics: "Metrics", folder: Path) -> None:
    """Write the pictures of these metrics into `folder`; a failure is a warning."""
    if (found := metrics.confusion_matrix()) is not None:
        path = folder / "confusion.png"
        with only_drawn(path):
            plot_confusion(*found, path)

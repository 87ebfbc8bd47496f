"""Lines and pictures of an evaluation."""

from pathlib import Path

from nas.report.confusion import plot_confusion
from nas.report.tables import metric_title
from nas.tasks.base import Metrics
from nas.text_table import interval_text, metric_text


def evaluation_lines(split: str, primary_metric: str, metrics: Metrics) -> list[str]:
    """Figures of the classes, then the primary metric with its interval."""
    values = metrics.with_intervals()
    interval = interval_text(values[f"{primary_metric}_ci95"])
    shown = f"{metric_text(values[primary_metric])} (95 % interval {interval})"
    more = f", accuracy {metric_text(values['accuracy'])}" if "accuracy" in values else ""
    return [*metrics.lines(), f"{split} {metric_title(primary_metric)} {shown}{more}"]


def draw_evaluation(metrics: Metrics, folder: Path) -> None:
    """Write the pictures of these metrics into `folder`."""
    if (found := metrics.confusion_matrix()) is not None:
        plot_confusion(*found, folder / "confusion.png")

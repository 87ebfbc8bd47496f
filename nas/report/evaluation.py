"""What a person is shown of an evaluation. The one place that tells kinds of metrics apart."""

from pathlib import Path

from nas.report.class_table import class_table
from nas.report.confusion import plot_confusion
from nas.report.sound_metrics import sound_lines
from nas.report.tables import metric_text, metric_title
from nas.tasks.base import Metrics
from nas.tasks.classification import ClassificationMetrics
from nas.tasks.sed.measurement import SedMetrics


def evaluation_lines(split: str, first_metric: str, metrics: Metrics) -> list[str]:
    """What is known of the classes, then the first metric with its interval."""
    values = metrics.with_intervals()
    low, high = values[f"{first_metric}_ci95"]
    lines: list[str] = []
    if isinstance(metrics, ClassificationMetrics):
        lines += class_table(metrics.confusion, tuple(metrics.per_class_f1)).splitlines()
    if isinstance(metrics, SedMetrics):
        lines += sound_lines(metrics)
    interval = f"(95 % interval {metric_text(low)} to {metric_text(high)})"
    shown = f"{metric_text(values[first_metric])} {interval}"
    more = f", accuracy {metric_text(values['accuracy'])}" if "accuracy" in values else ""
    return [*lines, f"{split} {metric_title(first_metric)} {shown}{more}"]


def draw_evaluation(metrics: Metrics, folder: Path) -> None:
    """Write the pictures that this kind of metrics has into `folder`."""
    if isinstance(metrics, ClassificationMetrics):
        plot_confusion(metrics.confusion, tuple(metrics.per_class_f1), folder / "confusion.png")

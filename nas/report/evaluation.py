"""What a person is shown of an evaluation. The one place that tells kinds of metrics apart."""

from pathlib import Path

from nas.report.confusion import plot_confusion
from nas.report.sound_metrics import sound_lines
from nas.report.tables import class_table, interval_text, metric_text, metric_title
from nas.report.xray_metrics import detection_lines, study_lines
from nas.tasks.base import Metrics
from nas.tasks.covid.detection_metrics import DetectionMetrics
from nas.tasks.covid.study_metrics import StudyMetrics
from nas.tasks.image.metrics import ClassificationMetrics
from nas.tasks.sed.metrics import SedMetrics


def evaluation_lines(split: str, primary_metric: str, metrics: Metrics) -> list[str]:
    """What is known of the classes, then the first metric with its interval."""
    values = metrics.with_intervals()
    lines: list[str] = []
    if isinstance(metrics, ClassificationMetrics):
        lines += class_table(metrics.confusion, tuple(metrics.per_class_f1)).splitlines()
    if isinstance(metrics, SedMetrics):
        lines += sound_lines(metrics)
    if isinstance(metrics, StudyMetrics):
        lines += study_lines(metrics)
    if isinstance(metrics, DetectionMetrics):
        lines += detection_lines(metrics)
    interval = interval_text(values[f"{primary_metric}_ci95"])
    shown = f"{metric_text(values[primary_metric])} (95 % interval {interval})"
    more = f", accuracy {metric_text(values['accuracy'])}" if "accuracy" in values else ""
    return [*lines, f"{split} {metric_title(primary_metric)} {shown}{more}"]


def draw_evaluation(metrics: Metrics, folder: Path) -> None:
    """Write the pictures that this kind of metrics has into `folder`."""
    if isinstance(metrics, ClassificationMetrics | StudyMetrics):
        plot_confusion(metrics.confusion, tuple(metrics.per_class_f1), folder / "confusion.png")

"""How well X-rays are classified, and opacities found, as plain text."""

from nas.metrics.competition import CompetitionMetrics
from nas.report.tables import class_table, interval_text, metric_text
from nas.tasks.covid.curves import ThresholdSource
from nas.tasks.covid.detection_metrics import DetectionMetrics
from nas.tasks.covid.study_metrics import StudyMetrics
from nas.text_table import aligned

_STUDY_FIGURES = {"mean_auc": "mean AUC", "voc_map": "mean AP (VOC 2010)"}
_BOX_FIGURES = {
    "map_50": "mAP@0.5 of opacity and none",
    "ap_opacity": "AP@0.5 of opacity",
    "ap_none": "AP of none",
}
_COUNTED: dict[ThresholdSource, str] = {
    "given": "threshold {threshold}, chosen on the validation split",
    "given by image": "thresholds of each network's own validation split, {threshold} on average",
    "other patients": (
        "threshold {threshold} is the best on all of these; each patient is counted with that of "
        "the others"
    ),
    "same patient": "threshold {threshold} is the best on this very patient: F1 is too high",
}


def study_lines(metrics: StudyMetrics) -> list[str]:
    """A line a class, then what is measured of all; a dash where nothing can be said."""
    classes = tuple(metrics.per_class_f1)
    rows = [("class", "AUC", "AP", "95 % interval")]
    rows += [
        (
            name,
            metric_text(metrics.per_class_auc[name]),
            metric_text(metrics.per_class_ap[name]),
            interval_text(metrics.per_class_ap_ci95[name]),
        )
        for name in classes
    ]
    return [
        *class_table(metrics.confusion, classes).splitlines(),
        "",
        *aligned(rows, left=(0, 3)),
        "",
        *_figure_lines(metrics, _STUDY_FIGURES),
        "",
        f"{sum(map(sum, metrics.confusion))} samples of {_patients_text(metrics.patients)}",
    ]


def detection_lines(metrics: DetectionMetrics) -> list[str]:
    """Boxes that hit and that don't, then the average precisions."""
    hits, false, missed = metrics.counts
    rows = [
        ("opacities", "hits", "false alarms", "precision", "recall"),
        (
            str(hits + missed),
            str(hits),
            str(false),
            metric_text(metrics.precision_50),
            metric_text(metrics.recall_50),
        ),
    ]
    counted = _COUNTED[metrics.threshold_from].format(threshold=f"{metrics.threshold:.3f}")
    return [
        *aligned(rows, left=()),
        "",
        *_figure_lines(metrics, _BOX_FIGURES),
        "",
        f"{metrics.images} images of {_patients_text(metrics.patients)}; {counted}",
    ]


def competition_lines(metrics: CompetitionMetrics) -> list[str]:
    """A line a class of the competition, then their mean; a dash for a class without a truth."""
    rows = [("class", "AP@0.5")]
    rows += [(name, metric_text(value)) for name, value in metrics.average_precision.items()]
    return [*aligned(rows, left=(0,)), "", f"mAP@0.5 {metric_text(metrics.map_50)}"]


def _figure_lines(metrics: StudyMetrics | DetectionMetrics, titles: dict[str, str]) -> list[str]:
    values = metrics.with_intervals()
    rows = [("figure", "value", "95 % interval")]
    rows += [
        (title, metric_text(values[name]), interval_text(values[f"{name}_ci95"]))
        for name, title in titles.items()
    ]
    return aligned(rows, left=(0, 2))


def _patients_text(patients: int) -> str:
    return "1 patient" if patients == 1 else f"{patients} patients"

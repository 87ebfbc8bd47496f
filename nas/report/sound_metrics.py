"""How well sounds are told and timed, as plain text."""

from nas.report.tables import metric_text
from nas.tasks.sed.measurement import SedMetrics
from nas.text_table import aligned

_HEADS = ("class", "windows", "threshold", "precision", "recall", "F1")


def sound_lines(metrics: SedMetrics) -> list[str]:
    """A line a class, over the windows whose label is known, then what is measured besides.

    A dash stands where nothing can be said: a class without windows, or timing where the labels are
    known in part.
    """
    rows = [_HEADS, *(_class_row(metrics, name) for name in metrics.counts)]
    low, high = metrics.lwlrap_ci95
    more = [
        f"LWLRAP {metric_text(metrics.lwlrap)} (95 % interval {metric_text(low)} to "
        f"{metric_text(high)}), precision at 0.5 {metric_text(metrics.precision_50)}, "
        f"recall at 0.5 {metric_text(metrics.recall_50)}, over {metrics.recordings} recordings",
        f"macro-F1 of recordings {metric_text(metrics.macro_f1_recordings)}, of 1 s segments "
        f"{metric_text(metrics.segment_f1)}, of onsets within 200 ms "
        f"{metric_text(metrics.onset_f1)}",
    ]
    return [*aligned(rows, left=(0,)), "", *more]


def _class_row(metrics: SedMetrics, name: str) -> tuple[str, ...]:
    hits, false, missed = metrics.counts[name]
    return (
        name,
        str(hits + missed),
        f"{metrics.thresholds[name]:.3f}",
        _share(hits, hits + false),
        _share(hits, hits + missed),
        metric_text(metrics.per_class_f1[name]),
    )


def _share(part: int, whole: int) -> str:
    return metric_text(part / whole if whole else None)

"""How well sounds are told and timed, as plain text."""

from nas.report.tables import interval_text, metric_text
from nas.tasks.sed.metrics import SedMetrics
from nas.tasks.sed.thresholds import ThresholdSource
from nas.text_table import aligned

_HEADS = ("class", "windows", "threshold", "precision", "recall", "F1")
_FIGURES = {
    "lwlrap": "LWLRAP",
    "precision_50": "precision at 0.5",
    "recall_50": "recall at 0.5",
    "macro_f1_recordings": "macro-F1 of recordings",
    "segment_f1": "macro-F1 of 1 s segments",
    "onset_f1": "macro-F1 of onsets within 200 ms",
}
_COUNTED: dict[ThresholdSource | None, str] = {
    "given": "thresholds of the validation split",
    "other recordings": (
        "thresholds are the best on all of these; each recording is counted with those of the "
        "others"
    ),
    "same recording": (
        "thresholds are the best on this very recording, so that every F1 is too high"
    ),
    None: "not known what the thresholds were chosen on",
}


def sound_lines(metrics: SedMetrics) -> list[str]:
    """A line a class, over the windows whose label is known, then what is measured besides.

    A dash stands where nothing can be said: a class without windows, or timing where the labels are
    known in part.
    """
    rows = [_HEADS, *(_class_row(metrics, name) for name in metrics.counts)]
    values = metrics.with_intervals()
    figures = [("figure", "value", "95 % interval")]
    for name, title in _FIGURES.items():
        interval = interval_text(values[f"{name}_ci95"])
        figures.append((title, metric_text(values[name]), interval))
    counted = f"{_recordings_text(metrics.recordings)}; {_COUNTED[metrics.thresholds_from]}"
    return [*aligned(rows, left=(0,)), "", *aligned(figures, left=(0, 2)), "", counted]


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


def _recordings_text(recordings: int) -> str:
    return "1 recording" if recordings == 1 else f"{recordings} recordings"

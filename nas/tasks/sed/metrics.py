"""Metrics of sound event detection, of windows, of whole recordings and of events."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nas.errors import NasError
from nas.metrics.cross_fit import ChosenOn, ChosenThresholds
from nas.metrics.group_bootstrap import (
    CountFigure,
    drawn,
    group_interval,
    group_macro_f1_sd,
    lwlrap_interval,
)
from nas.metrics.lwlrap import lwlrap_of, ranking_precisions
from nas.metrics.multilabel import (
    Counts,
    best_thresholds,
    counts_at,
    f1_of,
    macro_f1_of,
    micro_f1_of,
    pair_counts,
    precision_of,
    recall_of,
)
from nas.tasks.base import Metrics
from nas.tasks.sed.results import RecordingResult, event_counts, recording_pairs, window_pairs
from nas.text_table import aligned, figure_table, metric_text, share_text, shown_classes

ThresholdSource = Literal["given", "other recordings", "same recording"]
_SOURCES: dict[ChosenOn, ThresholdSource] = {
    "given": "given",
    "other groups": "other recordings",
    "same group": "same recording",
}


def given_thresholds(
    thresholds: Mapping[str, float], classes: Sequence[str], recordings: int
) -> ChosenThresholds:
    """The same for every recording. Raises NasError if they miss a class."""
    if missing := [name for name in classes if name not in thresholds]:
        raise NasError(f"no threshold for {', '.join(missing)}", key="thresholds")
    kept_K = np.array([thresholds[name] for name in classes], np.float64)
    return ChosenThresholds.given(kept_K, recordings)


def cross_fitted_thresholds(results: Sequence[RecordingResult]) -> ChosenThresholds:
    """Those of highest F1, on all windows and on other recordings' windows."""

    def best(chosen_G: NDArray[np.bool_]) -> NDArray[np.float64]:
        parts = [result for result, chosen in zip(results, chosen_G, strict=True) if chosen]
        return best_thresholds(*window_pairs(parts))

    return ChosenThresholds.cross_fitted(best, len(results))


def window_counts(results: Sequence[RecordingResult], chosen: ChosenThresholds) -> Counts:
    """Counts (G, K, 3) of each recording's windows, at its thresholds."""
    return np.stack(
        [
            counts_at(*window_pairs([result]), thresholds_K)
            for result, thresholds_K in zip(results, chosen.used_GK, strict=True)
        ]
    )


def recording_figures(
    results: Sequence[RecordingResult], chosen: ChosenThresholds
) -> dict[str, Any]:
    """The figures that take a recording as one sample."""
    truth_GK, known_GK, scores_GK = recording_pairs(results)
    sums_G, positives_G = ranking_precisions(truth_GK, scores_GK)
    at_half_G3 = pair_counts(truth_GK, known_GK, scores_GK, 0.5).sum(axis=1)
    called_GK3 = pair_counts(truth_GK, known_GK, scores_GK, chosen.used_GK)
    return {
        "lwlrap": float(lwlrap_of(sums_G, positives_G)),
        "lwlrap_ci95": lwlrap_interval(sums_G, positives_G),
        **figure("precision_50", precision_of, at_half_G3),
        **figure("recall_50", recall_of, at_half_G3),
        **figure("macro_f1_recordings", macro_f1_of, called_GK3),
    }


def event_figures(
    results: Sequence[RecordingResult], chosen: ChosenThresholds, frame_s: float
) -> dict[str, Any]:
    """The figures of segments and onsets; None where labels are known in part."""
    segments_GK3, onsets_GK3 = event_counts(results, chosen.used_GK, frame_s) or (None, None)
    return {
        **figure("segment_f1", macro_f1_of, segments_GK3),
        **figure("segment_f1_micro", micro_f1_of, segments_GK3),
        **figure("onset_f1", macro_f1_of, onsets_GK3),
        **figure("onset_f1_micro", micro_f1_of, onsets_GK3),
    }


def figure(name: str, value: CountFigure, counts_GX: Counts | None) -> dict[str, Any]:
    """A value of all recordings' counts, and its 95 % interval as `NAME_ci95`; else None twice."""
    if counts_GX is None:
        return {name: None, f"{name}_ci95": None}
    return {
        name: float(value(counts_GX.sum(axis=0).astype(np.float64))),
        f"{name}_ci95": group_interval(drawn(value, counts_GX), len(counts_GX)),
    }


Interval = tuple[float, float]

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


@dataclass(frozen=True)
class SedMetrics(Metrics):
    """Macro-F1 of windows, and further metrics.

    Where labels are known in part, only pairs of window (or recording) and class with a label are
    counted; LWLRAP then ranks against all classes, the unknown taken for absent, and so is another
    quantity than LWLRAP of complete labels, and no bound of it.

    Where thresholds are chosen on the split itself, all F1 and counts are cross-fitted: each
    recording is counted with the thresholds that are best on the other folds' recordings. So they
    estimate how well the thresholds do on unseen recordings.

    Each NAME_ci95 is a 95 % interval over draws of recordings, the thresholds held.
    """

    macro_f1: float
    """Mean F1, over windows, of the classes that have a positive."""
    macro_f1_ci95: Interval
    macro_f1_sd: float
    """Its standard deviation over other recordings, as many."""
    lwlrap: float
    """Label-weighted label-ranking average precision of recordings."""
    lwlrap_ci95: Interval
    precision_50: float
    """Of the classes called in recordings at 0.5, the share that is right (micro average)."""
    recall_50: float
    """Of the classes in recordings, the share that is called at 0.5 (micro average)."""
    macro_f1_recordings: float
    """Macro-F1 of recordings at the same thresholds."""
    segment_f1: float | None
    """Mean of the classes' F1 in segments of 1 s; null where labels are known in part."""
    segment_f1_micro: float | None
    """F1 of all classes' segments together."""
    onset_f1: float | None
    """Mean of the classes' F1 of onsets within 200 ms; null where labels are known in part."""
    onset_f1_micro: float | None
    """F1 of all classes' onsets together."""
    per_class_f1: dict[str, float | None]
    """F1 over windows by class, in the order of the network's outputs; null without a positive."""
    counts: dict[str, tuple[int, int, int]]
    """True positives, false positives and false negatives over windows, by class."""
    thresholds: dict[str, float]
    """Probability by class from which it is present: those given, or the best on all windows."""
    recordings: int
    thresholds_from: ThresholdSource | None = None
    """On what the thresholds of each recording were chosen.

    This and the intervals below are null in what was written before they were measured.
    """
    precision_50_ci95: Interval | None = None
    recall_50_ci95: Interval | None = None
    macro_f1_recordings_ci95: Interval | None = None
    segment_f1_ci95: Interval | None = None
    segment_f1_micro_ci95: Interval | None = None
    onset_f1_ci95: Interval | None = None
    onset_f1_micro_ci95: Interval | None = None

    @classmethod
    def from_results(
        cls,
        results: Sequence[RecordingResult],
        classes: Sequence[str],
        frame_s: float,
        thresholds: Mapping[str, float] | None = None,
    ) -> Self:
        """Metrics of a split's recordings.

        Without `thresholds` (none, or an empty mapping) those are kept that give each class its
        highest F1 on these windows, and the figures are cross-fitted (`ChosenThresholds`); of a
        single recording they can't be, and are too high. Raises ValueError without recordings,
        NasError for thresholds that miss a class.
        """
        if not results:
            raise ValueError("no recordings to measure")
        chosen = (
            given_thresholds(thresholds, classes, len(results))
            if thresholds
            else cross_fitted_thresholds(results)
        )
        windows_GK3 = window_counts(results, chosen)
        windows_K3 = windows_GK3.sum(axis=0)
        return cls(
            **figure("macro_f1", macro_f1_of, windows_GK3),
            macro_f1_sd=group_macro_f1_sd(windows_GK3),
            **recording_figures(results, chosen),
            **event_figures(results, chosen, frame_s),
            per_class_f1=dict(zip(classes, _f1_where_present(windows_K3), strict=True)),
            counts=dict(zip(classes, map(tuple, windows_K3.tolist()), strict=True)),
            thresholds=dict(zip(classes, chosen.kept_K.tolist(), strict=True)),
            recordings=len(results),
            thresholds_from=_SOURCES[chosen.source],
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The metrics that `as_json` wrote, now or before it wrote every interval."""
        intervals = {
            name: tuple(value)
            for name, value in values.items()
            if name.endswith("_ci95") and value is not None
        }
        counts = {name: tuple(three) for name, three in values["counts"].items()}
        return cls(**{**values, **intervals, "counts": counts})

    @property
    def primary(self) -> float:
        return self.macro_f1

    @property
    def primary_sd(self) -> float:
        return self.macro_f1_sd

    def as_json(self) -> dict[str, Any]:
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        } | {"counts": {name: list(three) for name, three in self.counts.items()}}

    def lines(self) -> list[str]:
        return _lines(self)

    def with_intervals(self) -> dict[str, Any]:
        return self.as_json()


def _f1_where_present(counts_K3: Counts) -> list[float | None]:
    """F1 of each class; None for one without a positive."""
    pairs = zip(f1_of(counts_K3).tolist(), counts_K3.tolist(), strict=True)
    return [f1 if hits + missed else None for f1, (hits, _, missed) in pairs]


def _lines(metrics: SedMetrics) -> list[str]:
    """A line per class, over the windows whose label is known, then the other metrics.

    Of many classes those with the lowest F1.

    A dash where undefined: a class without windows, or timing where the labels are known in part.
    """
    names = list(metrics.counts)
    shown, more = shown_classes([metrics.per_class_f1[name] or 0.0 for name in names])
    rows = [_HEADS, *(_class_row(metrics, names[k]) for k in shown)]
    counted = f"{_recordings_text(metrics.recordings)}; {_COUNTED[metrics.thresholds_from]}"
    return [
        *aligned(rows, left=(0,)),
        *more,
        "",
        *figure_table(metrics.with_intervals(), _FIGURES),
        "",
        counted,
    ]


def _class_row(metrics: SedMetrics, name: str) -> tuple[str, ...]:
    hits, false, missed = metrics.counts[name]
    return (
        name,
        str(hits + missed),
        f"{metrics.thresholds[name]:.3f}",
        share_text(hits, hits + false),
        share_text(hits, hits + missed),
        metric_text(metrics.per_class_f1[name]),
    )


def _recordings_text(recordings: int) -> str:
    return "1 recording" if recordings == 1 else f"{recordings} recordings"

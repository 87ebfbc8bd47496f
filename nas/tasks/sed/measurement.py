"""Metrics of sound event detection, of windows, of whole recordings and of events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nas.errors import NasError
from nas.metrics.group_bootstrap import (
    drawn_macro_f1,
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
    precision_of,
    recall_of,
)
from nas.tasks.base import Metrics
from nas.tasks.sed.pairs import event_counts, recording_pairs, window_pairs
from nas.tasks.sed.results import RecordingResult


@dataclass(frozen=True)
class SedMetrics(Metrics):
    """Macro-F1 of windows and its companions.

    Where labels are known in part, only pairs of window (or recording) and class with a label are
    counted; LWLRAP then ranks against all classes, the unknown taken for absent, and so is a lower
    bound.
    """

    macro_f1: float
    """Mean F1, over windows, of the classes that have a positive."""
    macro_f1_ci95: tuple[float, float]
    """Its 95 % interval over draws of recordings, the thresholds held."""
    macro_f1_sd: float
    """Its standard deviation over other recordings, as many."""
    lwlrap: float
    """Label-weighted label-ranking average precision of recordings."""
    lwlrap_ci95: tuple[float, float]
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
    """Probability by class from which it counted as present."""
    recordings: int

    @classmethod
    def from_results(
        cls,
        results: Sequence[RecordingResult],
        classes: Sequence[str],
        frame_s: float,
        thresholds: Mapping[str, float] | None = None,
    ) -> Self:
        """Metrics of a split's recordings.

        Without `thresholds` (none, or an empty mapping) those are taken that give each class its
        highest F1 on these very windows. Raises ValueError without recordings, NasError for
        thresholds that miss a class.
        """
        if not results:
            raise ValueError("no recordings to measure")
        thresholds_K = (
            _in_order(thresholds, classes)
            if thresholds
            else best_thresholds(*window_pairs(results))
        )
        counts_GK3 = np.stack(
            [counts_at(*window_pairs([result]), thresholds_K) for result in results]
        )
        counts_K3 = counts_GK3.sum(axis=0)
        truth_GK, known_GK, scores_GK = recording_pairs(results)
        sums_G, positives_G = ranking_precisions(truth_GK, scores_GK)
        at_half_3 = counts_at(truth_GK, known_GK, scores_GK, 0.5).sum(axis=0)
        at_best_K3 = counts_at(truth_GK, known_GK, scores_GK, thresholds_K)
        segments_K3, onsets_K3 = event_counts(results, thresholds_K, frame_s) or (None, None)
        return cls(
            macro_f1=float(macro_f1_of(counts_K3)),
            macro_f1_ci95=group_interval(drawn_macro_f1(counts_GK3), len(results)),
            macro_f1_sd=group_macro_f1_sd(counts_GK3),
            lwlrap=float(lwlrap_of(sums_G, positives_G)),
            lwlrap_ci95=lwlrap_interval(sums_G, positives_G),
            precision_50=float(precision_of(at_half_3)),
            recall_50=float(recall_of(at_half_3)),
            macro_f1_recordings=float(macro_f1_of(at_best_K3)),
            segment_f1=_figure(macro_f1_of, segments_K3),
            segment_f1_micro=_figure(micro_f1_of, segments_K3),
            onset_f1=_figure(macro_f1_of, onsets_K3),
            onset_f1_micro=_figure(micro_f1_of, onsets_K3),
            per_class_f1=dict(zip(classes, _f1_where_present(counts_K3), strict=True)),
            counts=dict(zip(classes, map(tuple, counts_K3.tolist()), strict=True)),
            thresholds=dict(zip(classes, thresholds_K.tolist(), strict=True)),
            recordings=len(results),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The metrics that `as_json` wrote."""
        return cls(
            **{
                **values,
                "macro_f1_ci95": tuple(values["macro_f1_ci95"]),
                "lwlrap_ci95": tuple(values["lwlrap_ci95"]),
                "counts": {name: tuple(three) for name, three in values["counts"].items()},
            }
        )

    @property
    def first(self) -> float:
        return self.macro_f1

    @property
    def first_sd(self) -> float:
        return self.macro_f1_sd

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "macro_f1_ci95": list(self.macro_f1_ci95),
            "lwlrap_ci95": list(self.lwlrap_ci95),
            "counts": {name: list(three) for name, three in self.counts.items()},
        }

    def with_intervals(self) -> dict[str, Any]:
        return self.as_json()


def _in_order(thresholds: Mapping[str, float], classes: Sequence[str]) -> NDArray[np.float64]:
    missing = [name for name in classes if name not in thresholds]
    if missing:
        raise NasError(f"no threshold for {', '.join(missing)}", key="thresholds")
    return np.array([thresholds[name] for name in classes], np.float64)


def _f1_where_present(counts_K3: Counts) -> list[float | None]:
    """F1 of each class; None for one without a positive."""
    pairs = zip(f1_of(counts_K3).tolist(), counts_K3.tolist(), strict=True)
    return [f1 if hits + missed else None for f1, (hits, _, missed) in pairs]


def _figure(
    metric: Callable[[Counts], NDArray[np.float64]], counts_K3: Counts | None
) -> float | None:
    return None if counts_K3 is None else float(metric(counts_K3))

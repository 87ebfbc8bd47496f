"""Figures of a split's recordings by name, each with its 95 % interval over draws of recordings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nas.metrics.group_bootstrap import CountFigure, drawn, group_interval, lwlrap_interval
from nas.metrics.lwlrap import lwlrap_of, ranking_precisions
from nas.metrics.multilabel import (
    Counts,
    counts_at,
    macro_f1_of,
    micro_f1_of,
    pair_counts,
    precision_of,
    recall_of,
)
from nas.tasks.sed.class_thresholds import ClassThresholds
from nas.tasks.sed.pairs import event_counts, recording_pairs, window_pairs
from nas.tasks.sed.results import RecordingResult


def window_counts(results: Sequence[RecordingResult], chosen: ClassThresholds) -> Counts:
    """Counts (G, K, 3) of each recording's windows, at its thresholds."""
    return np.stack(
        [
            counts_at(*window_pairs([result]), thresholds_K)
            for result, thresholds_K in zip(results, chosen.used_GK, strict=True)
        ]
    )


def recording_figures(
    results: Sequence[RecordingResult], chosen: ClassThresholds
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
    results: Sequence[RecordingResult], chosen: ClassThresholds, frame_s: float
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

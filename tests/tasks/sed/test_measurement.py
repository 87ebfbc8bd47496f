"""Metrics of recordings that are laid out frame by frame, against figures counted by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, label_ranking_average_precision_score

from nas.errors import NasError
from nas.tasks.sed.measurement import SedMetrics
from nas.tasks.sed.results import RecordingResult

CLASSES = ("wren", "robin", "frog")
FRAME_S = 0.1
WINDOWS = ((0, 40), (30, 70), (60, 101))


def labelled(events: list[tuple[int, int, int, int]]) -> np.ndarray:
    """Labels (3, 101) of ten seconds from (class, first frame, end frame, label)."""
    labels_KT = np.zeros((3, 101), np.int8)
    for index, start, end, label in events:
        labels_KT[index, start:end] = label
    return labels_KT


def result(
    events: list[tuple[int, int, int, int]],
    found: list[tuple[int, int, int, float]],
    *,
    complete: bool = True,
    name: str = "a",
) -> RecordingResult:
    """A recording whose probabilities are 0.05 but where something is found."""
    labels_KT = labelled(events)
    probability_KT = np.full((3, 101), 0.05, np.float32)
    for index, start, end, probability in found:
        probability_KT[index, start:end] = probability
    cuts = [labels_KT[:, start:end] for start, end in WINDOWS]
    highest_NK = np.stack([cut.max(axis=1) for cut in cuts])
    lowest_NK = np.stack([cut.min(axis=1) for cut in cuts])
    return RecordingResult(
        id=name,
        probability_KT=probability_KT,
        window_scores_NK=np.stack([probability_KT[:, a:b].max(axis=1) for a, b in WINDOWS]),
        window_labels_NK=np.where(highest_NK == 1, highest_NK, lowest_NK),
        labels_KT=labels_KT,
        complete=complete,
    )


A = result(
    [(0, 5, 20, 1), (1, 45, 55, 1)],
    [(0, 6, 20, 0.9), (1, 49, 55, 0.6), (0, 80, 90, 0.3), (2, 10, 25, 0.4)],
)
B = result(
    [(0, 70, 100, 1), (2, 8, 16, 1)],
    [(0, 72, 100, 0.8), (2, 8, 17, 0.7), (1, 30, 50, 0.55)],
    name="b",
)
HALF = dict.fromkeys(CLASSES, 0.5)


def test_windows_against_scikit_learn() -> None:
    metrics = SedMetrics.from_results([A, B], CLASSES, FRAME_S, HALF)
    truth = np.concatenate([A.window_labels_NK, B.window_labels_NK]) == 1
    called = np.concatenate([A.window_scores_NK, B.window_scores_NK]) >= 0.5
    assert (
        metrics.macro_f1 == metrics.first == pytest.approx(f1_score(truth, called, average="macro"))
    )
    assert list(metrics.per_class_f1) == list(CLASSES)
    assert metrics.per_class_f1["robin"] == pytest.approx(0.5)
    # Of robin: window 2 of A is right, windows 1 and 2 of B are not.
    assert metrics.counts["robin"] == (1, 2, 0)
    assert metrics.thresholds == HALF


def test_recordings_against_scikit_learn() -> None:
    metrics = SedMetrics.from_results([A, B], CLASSES, FRAME_S, HALF)
    truth = np.array([[1, 1, 0], [1, 0, 1]])
    scores = np.array([[0.9, 0.6, 0.4], [0.8, 0.55, 0.7]])
    np.testing.assert_allclose(np.stack([A.scores_K, B.scores_K]), scores, atol=1e-7)
    assert metrics.lwlrap == pytest.approx(
        label_ranking_average_precision_score(truth, scores, sample_weight=truth.sum(axis=1))
    )
    assert metrics.precision_50 == pytest.approx(4 / 5)
    assert metrics.recall_50 == 1
    assert metrics.macro_f1_recordings == pytest.approx((1 + 2 / 3 + 1) / 3)
    assert metrics.recordings == 2


def test_events_by_hand() -> None:
    metrics = SedMetrics.from_results([A, B], CLASSES, FRAME_S, HALF)
    # Onsets: wren 0.1 and 0.2 s late, frog on time: hits; robin 0.4 s late and one too many.
    assert metrics.onset_f1 == pytest.approx((1 + 0 + 1) / 3)
    assert metrics.onset_f1_micro == pytest.approx(2 * 3 / (2 * 3 + 2 + 1))
    # Segments: wren 2 and 3, robin 2 (one found too many is 3..5), frog 2 of each.
    robin = 2 * 2 / (2 * 2 + 2)
    assert metrics.segment_f1 == pytest.approx((1 + robin + 1) / 3)
    assert metrics.segment_f1_micro == pytest.approx(2 * 9 / (2 * 9 + 2))


def test_short_and_close_events_of_the_reference_are_kept_and_the_end_is_ten_seconds() -> None:
    twice = result([(0, 50, 51, 1), (0, 52, 53, 1), (1, 95, 101, 1)], [(1, 95, 101, 0.9)])
    metrics = SedMetrics.from_results([twice], CLASSES, FRAME_S, HALF)
    assert metrics.onset_f1_micro == pytest.approx(2 / (2 + 2))
    assert metrics.segment_f1_micro == pytest.approx(2 / (2 + 1))


def test_thresholds_are_chosen_where_none_are_given() -> None:
    metrics = SedMetrics.from_results([A, B], CLASSES, FRAME_S)
    assert metrics.macro_f1 == 1
    # Wren: windows at 0.8 and 0.9, the next at 0.3; robin 0.6 and 0.55; frog 0.7 and 0.4.
    np.testing.assert_allclose(list(metrics.thresholds.values()), [0.55, 0.575, 0.55], atol=1e-6)
    assert SedMetrics.from_results([A, B], CLASSES, FRAME_S, {}) == metrics
    given = SedMetrics.from_results([A, B], CLASSES, FRAME_S, metrics.thresholds)
    assert given == metrics


def test_labels_known_in_part_count_only_where_a_label_is() -> None:
    known = [(0, 5, 20, 1), (1, 45, 55, -1)]
    found = [(0, 6, 20, 0.9), (1, 49, 55, 0.6), (2, 10, 25, 0.7)]
    partly = result(known, found, complete=False)
    metrics = SedMetrics.from_results([partly], CLASSES, FRAME_S, HALF)
    assert metrics.counts == {"wren": (1, 0, 0), "robin": (0, 1, 0), "frog": (0, 0, 0)}
    assert metrics.per_class_f1 == {"wren": 1.0, "robin": None, "frog": None}
    assert metrics.macro_f1 == 1
    assert metrics.precision_50 == 0.5  # the frog may be there
    assert metrics.lwlrap == 1
    assert metrics.segment_f1 is metrics.segment_f1_micro is None
    assert metrics.onset_f1 is metrics.onset_f1_micro is None
    whole = SedMetrics.from_results([replace(partly, complete=True)], CLASSES, FRAME_S, HALF)
    assert whole.precision_50 == pytest.approx(1 / 3)
    assert whole.counts["frog"] == (0, 1, 0)


def test_one_recording_known_in_part_leaves_the_split_without_event_figures() -> None:
    mixed = [A, replace(B, complete=False)]
    assert SedMetrics.from_results(mixed, CLASSES, FRAME_S, HALF).onset_f1 is None


def test_survives_json_with_its_intervals() -> None:
    recordings = [A, B, result([(1, 10, 20, 1)], [(0, 0, 30, 0.6)], name="c")]
    metrics = SedMetrics.from_results(recordings, CLASSES, FRAME_S, HALF)
    values = metrics.with_intervals()
    assert SedMetrics.from_json(json.loads(json.dumps(metrics.as_json()))) == metrics
    for name in ("macro_f1", "lwlrap"):
        low, high = values[f"{name}_ci95"]
        assert low <= values[name] <= high
    assert low < high
    assert 0 < metrics.first_sd < 0.5


def test_a_split_without_any_positive_is_measured() -> None:
    silent = result([], [(0, 0, 30, 0.6)])
    metrics = SedMetrics.from_results([silent, silent], CLASSES, FRAME_S)
    assert (metrics.macro_f1, metrics.first_sd, metrics.lwlrap) == (0, 0, 0)
    assert metrics.thresholds == HALF
    assert metrics.precision_50 == 0


def test_refuses_thresholds_that_miss_a_class_and_no_recordings() -> None:
    with pytest.raises(NasError, match="thresholds: no threshold for robin, frog"):
        SedMetrics.from_results([A], CLASSES, FRAME_S, {"wren": 0.5})
    with pytest.raises(ValueError, match="no recordings"):
        SedMetrics.from_results([], CLASSES, FRAME_S)

"""Metrics of recordings that are laid out frame by frame, against figures counted by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, label_ranking_average_precision_score

from nas.errors import NasError
from nas.metrics.events import Event
from nas.metrics.multilabel import counts_at, macro_f1_of
from nas.tasks.sed.metrics import SedMetrics
from nas.tasks.sed.results import RecordingResult, window_pairs

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
    lowest_NK = np.stack([cut.min(axis=1, initial=-1 if complete else 0) for cut in cuts])
    return RecordingResult(
        id=name,
        probability_KT=probability_KT,
        window_scores_NK=np.stack([probability_KT[:, a:b].max(axis=1) for a, b in WINDOWS]),
        window_labels_NK=np.where(highest_NK == 1, highest_NK, lowest_NK),
        labels_KT=labels_KT,
        events=tuple(
            Event(index, start * FRAME_S, end * FRAME_S)
            for index, start, end, label in events
            if label == 1
        ),
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
C = result([(1, 10, 20, 1), (2, 60, 70, 1)], [(0, 0, 30, 0.6), (2, 60, 71, 0.4)], name="c")
HALF = dict.fromkeys(CLASSES, 0.5)
INTERVALS = (
    "macro_f1",
    "lwlrap",
    "precision_50",
    "recall_50",
    "macro_f1_recordings",
    "segment_f1",
    "segment_f1_micro",
    "onset_f1",
    "onset_f1_micro",
)


def test_windows_against_scikit_learn() -> None:
    metrics = SedMetrics.from_results([A, B], CLASSES, FRAME_S, HALF)
    truth = np.concatenate([A.window_labels_NK, B.window_labels_NK]) == 1
    called = np.concatenate([A.window_scores_NK, B.window_scores_NK]) >= 0.5
    assert (
        metrics.macro_f1
        == metrics.primary
        == pytest.approx(f1_score(truth, called, average="macro"))
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


def test_touching_events_of_a_class_are_two_and_times_are_not_rounded_to_frames() -> None:
    one = result([(0, 20, 60, 1)], [(0, 20, 40, 0.9), (0, 45, 60, 0.9)])
    parted = replace(one, events=(Event(0, 2.0, 4.27), Event(0, 4.27, 6.0)))
    assert SedMetrics.from_results([one], CLASSES, FRAME_S, HALF).counts["wren"][2] == 0
    assert SedMetrics.from_results([one], CLASSES, FRAME_S, HALF).onset_f1 == pytest.approx(2 / 3)
    # Found at 4.5 s: 0.23 s late is a miss, 0.2 s is not.
    assert SedMetrics.from_results([parted], CLASSES, FRAME_S, HALF).onset_f1 == 0.5
    nearer = replace(one, events=(Event(0, 2.0, 4.3), Event(0, 4.3, 6.0)))
    assert SedMetrics.from_results([nearer], CLASSES, FRAME_S, HALF).onset_f1 == 1


def test_thresholds_are_chosen_where_none_are_given() -> None:
    metrics = SedMetrics.from_results([A, B], CLASSES, FRAME_S)
    # Wren: windows at 0.8 and 0.9, the next at 0.3; robin 0.6 and 0.55; frog 0.7 and 0.4.
    np.testing.assert_allclose(list(metrics.thresholds.values()), [0.55, 0.575, 0.55], atol=1e-6)
    assert SedMetrics.from_results([A, B], CLASSES, FRAME_S, {}) == metrics
    given = SedMetrics.from_results([A, B], CLASSES, FRAME_S, metrics.thresholds)
    assert given.thresholds == metrics.thresholds
    assert given.macro_f1 == 1
    assert (metrics.thresholds_from, given.thresholds_from) == ("other recordings", "given")


def test_each_recording_is_counted_with_the_thresholds_of_the_others() -> None:
    metrics = SedMetrics.from_results([A, B], CLASSES, FRAME_S)
    # Best on A: wren 0.6, robin 0.325, frog, which it does not have, 0.5; on B: 0.425, 0.5, 0.375.
    # So the frog at 0.4 in A is a false alarm, and robin at 0.55 in two windows of B.
    assert metrics.counts == {"wren": (2, 0, 0), "robin": (1, 2, 0), "frog": (1, 1, 0)}
    assert metrics.macro_f1 == pytest.approx((1 + 1 / 2 + 2 / 3) / 3)
    assert metrics.macro_f1_recordings == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    # Onsets at these thresholds: robin late in A and false in B, frog right in B, false in A.
    assert metrics.onset_f1 == pytest.approx((1 + 0 + 2 / 3) / 3)


def test_folds_are_every_fifth_recording() -> None:
    sure = [result([(0, 5, 20, 1)], [(0, 5, 20, 0.9)], name=str(number)) for number in range(9)]
    # Recordings 3 and 8 alone have the robin: in their fold nothing tells its threshold, so 0.5.
    weak = result([(1, 45, 55, 1)], [(1, 45, 55, 0.4)])
    same_fold = [*sure[:3], weak, *sure[4:8], weak]
    assert SedMetrics.from_results(same_fold, CLASSES, FRAME_S).counts["robin"] == (0, 0, 2)
    other_folds = [*sure[:3], weak, weak, *sure[5:]]
    assert SedMetrics.from_results(other_folds, CLASSES, FRAME_S).counts["robin"] == (2, 0, 0)


def test_a_lone_recording_is_counted_with_its_own_thresholds_and_says_so() -> None:
    metrics = SedMetrics.from_results([A], CLASSES, FRAME_S)
    assert metrics.macro_f1 == 1
    assert metrics.thresholds_from == "same recording"


def simulated(recordings: int, seed: int) -> list[RecordingResult]:
    """Scores that tell little of the truth, of recordings that score higher or lower as a whole."""
    generator = np.random.default_rng(seed)
    made = []
    for number in range(recordings):
        truth_NK = (generator.random((6, 12)) < 0.4) & (generator.random(12) < 0.2)
        noise_NK = generator.normal(0, 0.12, 12) + generator.normal(0, 0.15, (6, 12))
        scores_NK = np.clip(0.35 + 0.2 * truth_NK + noise_NK, 0, 1).astype(np.float32)
        labels_NK = np.where(truth_NK, 1, -1).astype(np.int8)
        made.append(
            RecordingResult(
                str(number), scores_NK.T, scores_NK, labels_NK, labels_NK.T, (), complete=False
            )
        )
    return made


def test_macro_f1_is_what_the_kept_thresholds_are_worth_elsewhere() -> None:
    names = [f"class {number}" for number in range(12)]
    elsewhere = window_pairs(simulated(1000, seed=99))
    told, told_sd, itself, met = [], [], [], []
    for seed in range(24):
        results = simulated(30, seed)
        metrics = SedMetrics.from_results(results, names, FRAME_S)
        kept = list(metrics.thresholds.values())
        told.append(metrics.macro_f1)
        told_sd.append(metrics.macro_f1_sd)
        itself.append(float(macro_f1_of(counts_at(*window_pairs(results), kept))))
        met.append(float(macro_f1_of(counts_at(*elsewhere, kept))))
    assert np.mean(itself) > np.mean(met) + 0.08
    assert np.mean(told) == pytest.approx(np.mean(met), abs=0.025)
    assert np.mean(told_sd) == pytest.approx(np.std(told), rel=0.35)


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
    values = metrics.with_intervals()
    for name in ("segment_f1", "segment_f1_micro", "onset_f1", "onset_f1_micro"):
        assert values[name] is values[f"{name}_ci95"] is None
    whole = SedMetrics.from_results([result(known, found)], CLASSES, FRAME_S, HALF)
    assert whole.precision_50 == pytest.approx(1 / 3)
    assert whole.counts["frog"] == (0, 1, 0)


def test_one_recording_known_in_part_leaves_the_split_without_event_figures() -> None:
    mixed = [A, replace(B, complete=False)]
    assert SedMetrics.from_results(mixed, CLASSES, FRAME_S, HALF).onset_f1 is None


def test_survives_json_with_its_intervals() -> None:
    recordings = [A, B, C]
    metrics = SedMetrics.from_results(recordings, CLASSES, FRAME_S, HALF)
    values = metrics.with_intervals()
    assert SedMetrics.from_json(json.loads(json.dumps(metrics.as_json()))) == metrics
    for name in INTERVALS:
        low, high = values[f"{name}_ci95"]
        assert low <= values[name] <= high, name
        assert low < high, name
    assert 0 < metrics.primary_sd < 0.5


def test_reads_what_was_written_before_it_had_every_interval() -> None:
    values = SedMetrics.from_results([A, B], CLASSES, FRAME_S, HALF).as_json()
    later = [f"{name}_ci95" for name in INTERVALS if name not in ("macro_f1", "lwlrap")]
    early = {
        name: value for name, value in values.items() if name not in (*later, "thresholds_from")
    }
    metrics = SedMetrics.from_json(json.loads(json.dumps(early)))
    assert metrics.as_json() == values | dict.fromkeys((*later, "thresholds_from"))
    assert metrics.macro_f1_ci95 == tuple(values["macro_f1_ci95"])


@pytest.mark.parametrize("name", INTERVALS)
def test_intervals_of_two_recordings_reach_from_one_alone_to_the_other(name: str) -> None:
    # A quarter of the draws is the one twice, a quarter the other twice.
    alone = [SedMetrics.from_results([item], CLASSES, FRAME_S, HALF) for item in (A, C)]
    both = SedMetrics.from_results([A, C], CLASSES, FRAME_S, HALF)
    values = [metrics.as_json()[name] for metrics in (*alone, both)]
    interval = both.as_json()[f"{name}_ci95"]
    assert interval == pytest.approx([min(values), max(values)])
    assert interval[0] < interval[1]


def test_a_split_without_any_positive_is_measured() -> None:
    silent = result([], [(0, 0, 30, 0.6)])
    metrics = SedMetrics.from_results([silent, silent], CLASSES, FRAME_S)
    assert (metrics.macro_f1, metrics.primary_sd, metrics.lwlrap) == (0, 0, 0)
    assert metrics.thresholds == HALF
    assert metrics.precision_50 == 0


def test_refuses_thresholds_that_miss_a_class_and_no_recordings() -> None:
    with pytest.raises(NasError, match="thresholds: no threshold for robin, frog"):
        SedMetrics.from_results([A], CLASSES, FRAME_S, {"wren": 0.5})
    with pytest.raises(ValueError, match="no recordings"):
        SedMetrics.from_results([], CLASSES, FRAME_S)

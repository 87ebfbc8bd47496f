"""Multi-label counts and F1 against scikit-learn; thresholds against trying them all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score, precision_score, recall_score

from nas.metrics.multilabel import (
    best_thresholds,
    counts_at,
    f1_of,
    macro_f1_of,
    micro_f1_of,
    pair_counts,
    precision_of,
    recall_of,
)


def drawn(samples: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, known and scores that tell a little of the truth."""
    generator = np.random.default_rng(seed)
    truth = generator.random((samples, classes)) < 0.3
    known = generator.random((samples, classes)) < 0.8
    return truth, known, np.clip(0.3 * truth + generator.random(truth.shape) * 0.7, 0, 1)


def test_figures_equal_scikit_learn_where_all_is_known() -> None:
    truth, _, scores = drawn(200, 6, seed=0)
    thresholds = np.linspace(0.2, 0.8, 6)
    called = scores >= thresholds
    counts = counts_at(truth, np.ones_like(truth), scores, thresholds)
    np.testing.assert_allclose(f1_of(counts), f1_score(truth, called, average=None))
    assert macro_f1_of(counts) == pytest.approx(f1_score(truth, called, average="macro"))
    assert micro_f1_of(counts) == pytest.approx(f1_score(truth, called, average="micro"))
    total = counts.sum(axis=0)
    assert precision_of(total) == pytest.approx(precision_score(truth, called, average="micro"))
    assert recall_of(total) == pytest.approx(recall_score(truth, called, average="micro"))


def test_unknown_pairs_are_not_counted() -> None:
    truth, known, scores = drawn(200, 4, seed=1)
    counts = counts_at(truth, known, scores, 0.5)
    for index in range(4):
        rows = known[:, index]
        called = scores[rows, index] >= 0.5
        assert f1_of(counts)[index] == pytest.approx(f1_score(truth[rows, index], called))
    assert (counts_at(truth, np.zeros_like(known), scores, 0.5) == 0).all()


def test_counts_of_parts_add_up() -> None:
    truth, known, scores = drawn(50, 5, seed=2)
    whole = counts_at(truth, known, scores, 0.4)
    parts = [counts_at(truth[s], known[s], scores[s], 0.4) for s in (slice(20), slice(20, 50))]
    np.testing.assert_array_equal(whole, sum(parts))


def test_each_pair_can_have_a_threshold_of_its_own() -> None:
    truth, known, scores = drawn(50, 5, seed=3)
    thresholds = np.random.default_rng(4).random((50, 5))
    counts = pair_counts(truth, known, scores, thresholds)
    np.testing.assert_array_equal(
        counts, pair_counts(truth, known, scores - thresholds, 0.0), strict=True
    )
    np.testing.assert_array_equal(
        counts[7], counts_at(truth[7:8], known[7:8], scores[7:8], thresholds[7])
    )
    assert (counts.sum(axis=2) <= known).all()


def test_a_class_without_positives_is_left_out_of_the_mean() -> None:
    counts = np.array([[3, 1, 1], [0, 5, 0], [0, 0, 2]])
    np.testing.assert_allclose(f1_of(counts), [0.75, 0, 0])
    assert macro_f1_of(counts) == pytest.approx(0.375)
    assert macro_f1_of(counts[1:2]) == 0
    np.testing.assert_allclose(macro_f1_of(np.stack([counts, 2 * counts])), [0.375, 0.375])


@settings(deadline=None)
@given(
    st.integers(1, 12).flatmap(
        lambda samples: st.tuples(
            arrays(bool, (samples, 3)),
            arrays(bool, (samples, 3)),
            arrays(np.float64, (samples, 3), elements=st.sampled_from([0, 0.1, 0.25, 0.5, 0.9, 1])),
        )
    )
)
def test_no_other_threshold_gives_a_higher_f1(
    case: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    truth, known, scores = case
    found = f1_of(counts_at(truth, known, scores, best_thresholds(truth, known, scores)))
    every = np.concatenate([np.unique(scores), [2.0]])
    best = np.max([f1_of(counts_at(truth, known, scores, cut)) for cut in every], axis=0)
    present = (truth & known).any(axis=0)
    np.testing.assert_allclose(found[present], best[present])


def test_a_threshold_lies_midway_between_the_scores_that_it_parts() -> None:
    truth = [[1, 1, 0, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 1]]
    scores = [[0.9, 0.9, 0.9, 0.8], [0.7, 0.9, 0.7, 0.7], [0.3, 0.2, 0.3, 0.7], [0.1, 0.1, 0, 0.4]]
    # Parted at 0.7 and 0.3; F1 0.8 with three of four called; no positive; all called.
    thresholds = best_thresholds(truth, np.ones((4, 4)), scores)
    np.testing.assert_allclose(thresholds, [0.5, 0.15, 0.5, 0.2])


def test_of_equally_good_thresholds_the_highest_is_taken() -> None:
    # One of two positives called at 0.9 (F1 2/3), or both with two false alarms (F1 4/6).
    thresholds = best_thresholds(
        [[1], [0], [0], [1]], np.ones((4, 1)), [[0.9], [0.6], [0.5], [0.4]]
    )
    np.testing.assert_allclose(thresholds, [0.75])


def test_unknown_scores_move_no_threshold() -> None:
    truth, scores = [[1], [0], [1], [0]], [[0.8], [0.4], [0.7], [0.75]]
    known = [[1], [1], [0], [0]]
    np.testing.assert_allclose(best_thresholds(truth, known, scores), [0.6])
    np.testing.assert_allclose(best_thresholds(truth, np.zeros((4, 1)), scores), [0.5])
    assert (
        best_thresholds(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2))).tolist() == [0.5] * 2
    )


def test_neighbouring_float32_scores_are_still_parted() -> None:
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    scores = np.array([[high], [low]])
    truth = np.array([[1], [0]])
    cut = best_thresholds(truth, np.ones((2, 1)), scores)
    assert counts_at(truth, np.ones((2, 1)), scores, cut).tolist() == [[1, 0, 0]]


def test_refuses_other_shapes_and_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="shapes"):
        counts_at(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 4)), 0.5)
    with pytest.raises(ValueError, match="2 of 6 scores"):
        best_thresholds(np.zeros((2, 3)), np.ones((2, 3)), [[np.nan, 0, 0], [np.nan, 0, 0]])

"""LWLRAP against scikit-learn and against rankings counted by hand."""

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score

from nas.metrics.lwlrap import lwlrap, lwlrap_of, ranking_precisions


def by_scikit_learn(truth: np.ndarray, scores: np.ndarray) -> float:
    rows = truth.any(axis=1)
    return float(
        label_ranking_average_precision_score(
            truth[rows], scores[rows], sample_weight=truth[rows].sum(axis=1)
        )
    )


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("samples", "classes"), [(1, 2), (7, 3), (60, 24), (300, 8)])
def test_equals_scikit_learn(samples: int, classes: int, ties: bool) -> None:
    generator = np.random.default_rng(samples)
    truth = generator.random((samples, classes)) < 0.2
    truth[0, 0] = True
    scores = generator.random((samples, classes))
    if ties:
        scores = np.round(scores, 1)
    assert lwlrap(truth, scores) == pytest.approx(by_scikit_learn(truth, scores), abs=1e-12)


def test_two_samples_by_hand() -> None:
    truth = [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    scores = [[0.9, 0.8, 0.7, 0.1], [0.5, 0.2, 0.1, 0.6], [0.3, 0.2, 0.9, 0.4]]
    # Ranks 1 and 3 hold 1 and 2 positives; rank 3 of the second holds 1; the third has none.
    sums, positives = ranking_precisions(truth, scores)
    np.testing.assert_allclose(sums, [1 + 2 / 3, 1 / 3, 0])
    np.testing.assert_array_equal(positives, [2, 1, 0])
    assert lwlrap(truth, scores) == pytest.approx(2 / 3)


def test_a_perfect_ranking_is_one_and_all_ties_are_the_share_of_positives() -> None:
    truth = np.array([[1, 0, 0, 1], [0, 1, 0, 0]])
    assert lwlrap(truth, truth) == 1
    assert lwlrap(truth[:1], np.zeros((1, 4))) == 0.5


def test_no_positive_gives_zero() -> None:
    assert lwlrap(np.zeros((3, 4)), np.ones((3, 4))) == 0
    assert lwlrap(np.zeros((0, 4)), np.ones((0, 4))) == 0


def test_parts_take_leading_axes() -> None:
    drawn = lwlrap_of(np.array([[1.0, 0.5], [2.0, 0.0]]), np.array([[1, 1], [2, 0]]))
    np.testing.assert_allclose(drawn, [0.75, 1.0])


def test_refuses_other_shapes_and_what_is_no_number() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 3\), but scores of \(2, 4\)"):
        lwlrap(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="1 of 2 scores"):
        lwlrap([[1, 0]], [[np.nan, 0.0]])

"""The area under the ROC curve against all pairs counted one by one, and scikit-learn's weights."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from nas.metrics.defined_interval import Interval, defined_interval
from nas.metrics.group_bootstrap import group_draws
from nas.metrics.roc import auc, auc_draws


def samples(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, higher for positives."""
    generator = np.random.default_rng(seed)
    positive = generator.random(count) < 0.4
    return np.round(0.3 * positive + 0.7 * generator.random(count), 1), positive


def by_pairs(scores: np.ndarray, positive: np.ndarray) -> float:
    differences = scores[positive][:, None] - scores[~positive][None]
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def interval_of(scores: Any, positive: Any, group: Any, groups: int) -> Interval | None:
    def of_draws(draws_RG: np.ndarray) -> np.ndarray:
        return auc_draws(draws_RG, scores, positive, group)

    return defined_interval(of_draws, groups)


def test_by_hand() -> None:
    # Pairs of 0.8 and 0.4 with 0.4 and 0.2: won, won, equal, won.
    assert auc([0.8, 0.4, 0.4, 0.2], [1, 1, 0, 0]) == pytest.approx(3.5 / 4)
    assert auc([0.8, 0.4, 0.4, 0.2], [0, 0, 1, 1]) == pytest.approx(0.5 / 4)


def test_one_class_alone_has_no_area() -> None:
    assert auc([0.8, 0.4], [1, 1]) is None
    assert auc([0.8, 0.4], [0, 0]) is None
    assert auc([], []) is None


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(0, 10_000))
def test_equals_the_pairs_counted(count: int, seed: int) -> None:
    scores, positive = samples(count, seed)
    positive[:2] = True, False
    assert auc(scores, positive) == pytest.approx(by_pairs(scores, positive))
    undrawn = auc_draws(np.ones((1, count), int), scores, positive, np.arange(count))
    assert undrawn[0] == pytest.approx(by_pairs(scores, positive))


def test_draws_equal_scikit_learn_with_weights_and_copies() -> None:
    scores, positive = samples(60, seed=1)
    group = np.random.default_rng(2).integers(0, 15, 60)
    draws = group_draws(15, resamples=50)
    found = auc_draws(draws, scores, positive, group)
    for draw, area in zip(draws, found, strict=True):
        weights = draw[group]
        assert area == pytest.approx(roc_auc_score(positive, scores, sample_weight=weights))
        copies = np.repeat(np.arange(60), weights)
        assert area == pytest.approx(auc(scores[copies], positive[copies]))
    assert found.std() > 0.01


def test_a_draw_of_one_class_alone_has_no_area() -> None:
    draws = np.array([[1, 1], [2, 0], [0, 2]])
    found = auc_draws(draws, [0.9, 0.1], [1, 0], [0, 1])
    np.testing.assert_array_equal(found, [1, np.nan, np.nan])
    np.testing.assert_array_equal(auc_draws(draws, [], [], []), [np.nan] * 3)


def test_the_interval_is_of_the_draws_that_have_both() -> None:
    assert interval_of([0.9, 0.1], [1, 0], [0, 1], 2) == (1, 1)
    assert interval_of([0.9, 0.1], [1, 1], [0, 1], 2) is None
    assert interval_of([], [], [], 0) is None
    scores, positive = samples(200, seed=3)
    interval = interval_of(scores, positive, np.arange(200), 200)
    assert interval is not None
    assert interval[0] < by_pairs(scores, positive) < interval[1]
    assert 0.05 < interval[1] - interval[0] < 0.25


def test_refuses_other_lengths_and_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="2 scores, but 3 samples"):
        auc([0.1, 0.2], [1, 0, 1])
    with pytest.raises(ValueError, match="1 of 2 scores are not finite"):
        auc([0.1, np.inf], [1, 0])
    with pytest.raises(ValueError, match=r"groups of shape \(1,\) of 2"):
        auc_draws(np.ones((1, 2), int), [0.1, 0.2], [1, 0], [0])

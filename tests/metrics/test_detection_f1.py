"""F1 of boxes: counts by hand, and the best threshold against trying every one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from nas.metrics.boxes import match_boxes, match_images
from nas.metrics.detection_f1 import best_threshold, counts_at
from nas.metrics.group_bootstrap import drawn, group_interval
from nas.metrics.multilabel import f1_of

SCORES, HITS, IMAGES = [0.9, 0.8, 0.7, 0.7, 0.2], [1, 0, 1, 0, 1], [0, 0, 1, 1, 1]
POSITIVES = [2, 2, 0, 1]
"""Of four images: the third has nothing and the fourth a box that nothing finds."""


def test_counts_by_hand() -> None:
    # From 0.7 upwards: a hit, a false alarm and a miss; the same again; nothing; a miss.
    counts = counts_at(SCORES, HITS, IMAGES, POSITIVES, 0.7)
    assert counts.tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0], [0, 0, 1]]
    assert f1_of(counts.sum(axis=0)) == pytest.approx(2 * 2 / (2 * 2 + 2 + 3))
    assert counts_at(SCORES, HITS, IMAGES, POSITIVES, 0.71)[1].tolist() == [0, 0, 2]


def test_f1_equals_scikit_learn_over_boxes_and_missed_truths() -> None:
    # Every box and every truth that none hits is a sample; what is not called is not there.
    truth = [1, 0, 1, 0, 1, *[1] * 2]
    called = [1, 1, 1, 1, 0, *[0] * 2]
    counts = counts_at(SCORES, HITS, IMAGES, POSITIVES, 0.5).sum(axis=0)
    assert f1_of(counts) == pytest.approx(f1_score(truth, called))


def test_nothing_there_and_nothing_found_is_f1_0_as_in_multilabel() -> None:
    counts = counts_at([], [], [], [0, 0], 0.5)
    assert counts.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert f1_of(counts.sum(axis=0)) == 0


def test_the_best_threshold_by_hand() -> None:
    # Of 5 positives: F1 at 0.9 is 2/6, at 0.8 2/7, at 0.7 4/9, at 0.2 6/10: all, midway to 0.
    assert best_threshold(SCORES, HITS, 5) == pytest.approx(0.1)
    # Without the last box: at 0.7, midway to the next lower score.
    assert best_threshold([*SCORES[:4], 0.5], [*HITS[:4], 0], 5) == pytest.approx(0.6)


def test_of_equally_good_thresholds_the_highest_is_taken() -> None:
    # 1 of 2 found by one box: 2/3; both by four boxes: 4/6.
    assert best_threshold([0.9, 0.6, 0.5, 0.4], [1, 0, 0, 1], 2) == pytest.approx(0.75)
    assert best_threshold([0.9, 0.6], [0, 0], 2) == pytest.approx(0.75)


def test_nothing_to_choose_by_is_a_half() -> None:
    assert best_threshold([], [], 3) == 0.5
    assert best_threshold([0.9], [0], 0) == 0.5


def test_a_threshold_at_0_and_below_it() -> None:
    assert best_threshold([0.0], [1], 1) == 0
    assert best_threshold([-2.0, -3.0], [1, 0], 1) == -2.5
    assert best_threshold([-2.0], [1], 1) == -2


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 10_000), st.booleans())
def test_no_other_threshold_gives_a_higher_f1(count: int, seed: int, ties: bool) -> None:
    generator = np.random.default_rng(seed)
    hits = generator.random(count) < 0.4
    scores = np.round(generator.random(count), 1) if ties else generator.random(count)
    positives = np.array([hits.sum() + generator.integers(0, 4)])
    groups = np.zeros(count, int)

    def f1(threshold: float) -> float:
        return float(f1_of(counts_at(scores, hits, groups, positives, threshold))[0])

    found = best_threshold(scores, hits, int(positives.sum()))
    assert f1(found) == max(map(f1, [*scores, 2.0]))
    if positives.any() and count:
        lowest_kept = scores[scores >= found].min()
        assert all(f1(score) < f1(found) for score in scores[scores > lowest_kept])


def test_neighbouring_scores_are_still_parted() -> None:
    high = 0.3
    low = np.nextafter(high, 0)
    threshold = best_threshold([high, low], [1, 0], 1)
    assert counts_at([high, low], [1, 0], [0, 0], [1], threshold).tolist() == [[1, 0, 0]]


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(0, 10_000), st.floats(0, 1))
def test_boxes_below_a_threshold_change_no_hit_above_it(
    found: int, seed: int, threshold: float
) -> None:
    generator = np.random.default_rng(seed)
    truths = np.array([[0, 0, 10, 10], [3, 0, 13, 10], [40, 40, 60, 60]])
    boxes = truths[generator.integers(0, 3, found)] + generator.normal(0, 1, (found, 4))
    scores = np.round(generator.random(found), 1)
    kept = scores >= threshold
    all_at_once = match_boxes(boxes, scores, truths)[kept]
    np.testing.assert_array_equal(all_at_once, match_boxes(boxes[kept], scores[kept], truths))


def test_an_interval_over_draws_of_images() -> None:
    square = [0, 0, 10, 10]
    matches = match_images([[square]] * 30, [[0.9]] * 30, [[square]] * 20 + [[]] * 10)
    counts = counts_at(matches.scores_P, matches.hits_P, matches.image_P, matches.positives_G, 0.5)
    low, high = group_interval(drawn(f1_of, counts), 30)
    assert f1_of(counts.sum(axis=0)) == pytest.approx(40 / 50)
    assert low < 0.8 < high


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="1 scores, 2 hits, 1 groups"):
        counts_at([0.9], [1, 0], [0], [1], 0.5)
    with pytest.raises(ValueError, match="more hits than there are positives"):
        counts_at([0.9], [1], [0], [0, 1], 0.5)
    with pytest.raises(ValueError, match="group 3 of 2"):
        counts_at([0.9], [1], [3], [0, 1], 0.5)

"""Confidences by hand."""

import numpy as np
import pytest

from nas.metrics.average_precision import average_precision
from nas.tasks.covid.suppression import dropped_where_none, none_confidence, weighed_by_opacity

BOXES, SCORES = [[0, 0, 10, 10], [5, 5, 20, 20]], [0.8, 0.4]


def test_scores_are_weighed_by_the_probability_of_an_opacity() -> None:
    # (1 - 0.84)^0.5 = 0.4; 2^-0.3 = 0.8123.
    np.testing.assert_allclose(weighed_by_opacity(SCORES, 0.84, exponent=0.5), [0.32, 0.16])
    np.testing.assert_allclose(weighed_by_opacity([1.0], 0.5), [0.8123], atol=5e-5)
    assert weighed_by_opacity(SCORES, 0.0).tolist() == SCORES
    assert weighed_by_opacity(SCORES, 1.0).tolist() == [0, 0]
    assert weighed_by_opacity(SCORES, 1.0, exponent=0).tolist() == SCORES
    assert weighed_by_opacity([], 0.3).shape == (0,)


def test_weighing_orders_boxes_of_other_images() -> None:
    # A false alarm of 0.8 in an image that is surely `none` falls below the hit of 0.7.
    weighed = [*weighed_by_opacity([0.8], 0.95), *weighed_by_opacity([0.7], 0.05)]
    assert average_precision([0.8, 0.7], [0, 1], 1) == 0.5
    assert average_precision(weighed, [0, 1], 1) == 1


def test_boxes_are_dropped_above_the_limit_only() -> None:
    for probability, left in ((0.5, 2), (0.8, 2), (0.81, 0)):
        boxes, scores = dropped_where_none(BOXES, SCORES, probability)
        assert boxes.shape == (left, 4)
        assert scores.tolist() == SCORES[:left]
    assert len(dropped_where_none(BOXES, SCORES, 0.3, limit=0.2)[0]) == 0
    assert dropped_where_none([], [], 0.9)[0].shape == (0, 4)


def test_none_is_what_an_opacity_is_not() -> None:
    assert none_confidence(0.25) == 0.75
    assert none_confidence(1) == 0


def test_refuses_what_is_no_probability() -> None:
    for value in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"is not in 0\.\.1"):
            none_confidence(value)
        with pytest.raises(ValueError, match=r"is not in 0\.\.1"):
            dropped_where_none(BOXES, SCORES, value)
    with pytest.raises(ValueError, match="exponent -1 is negative"):
        weighed_by_opacity(SCORES, 0.5, exponent=-1)
    with pytest.raises(ValueError, match="2 boxes, but 1 scores"):
        dropped_where_none(BOXES, [0.5], 0.5)

"""Weighted boxes fusion worked by hand; skipped without the package ensemble-boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.tasks.covid.suppression import fuse

pytest.importorskip("ensemble_boxes")

SIZE = (200, 400)
"""Height and width."""
SQUARE = [100.0, 100.0, 200.0, 200.0]
MOVED = [110.0, 100.0, 210.0, 200.0]
"""IoU with the square: 9000 of 11000."""


def test_two_networks_are_fused_by_hand() -> None:
    # Corners weighed 0.6 to 0.2: 100 + 10 * 0.2 / 0.8; the score is the mean of 0.6 and 0.2.
    boxes, scores = fuse([[SQUARE], [MOVED]], [[0.6], [0.2]], SIZE, min_iou=0.55)
    np.testing.assert_allclose(boxes, [[102.5, 100, 202.5, 200]], atol=1e-3)
    np.testing.assert_allclose(scores, [0.4])


def test_what_one_of_several_networks_has_is_believed_less() -> None:
    # The square in two of three: mean 0.6, times 2/3. The other box in one of three: 0.9 / 3.
    other = [300.0, 0.0, 380.0, 50.0]
    boxes, scores = fuse([[SQUARE], [SQUARE, other], []], [[0.7], [0.5, 0.9], []], SIZE, 0.55)
    np.testing.assert_allclose(boxes, [SQUARE, other], atol=1e-3)
    np.testing.assert_allclose(scores, [0.4, 0.3])


def test_a_single_view_merges_what_overlaps_and_keeps_the_rest() -> None:
    boxes, scores = fuse([[SQUARE, MOVED]], [[0.6, 0.2]], SIZE, min_iou=0.55)
    np.testing.assert_allclose(boxes, [[102.5, 100, 202.5, 200]], atol=1e-3)
    np.testing.assert_allclose(scores, [0.4])
    boxes, scores = fuse([[SQUARE, MOVED]], [[0.2, 0.6]], SIZE, min_iou=0.9)
    np.testing.assert_allclose(boxes, [MOVED, SQUARE], atol=1e-3)
    np.testing.assert_allclose(scores, [0.6, 0.2])


def test_width_and_height_are_not_exchanged() -> None:
    # In an image twice as wide as high; divided by the height, x would be cut off at 1.
    box = [210.0, 20.0, 390.0, 190.0]
    boxes, _ = fuse([[box], [box]], [[0.5], [0.5]], SIZE, min_iou=0.55)
    np.testing.assert_allclose(boxes, [box], atol=1e-3)


def test_boxes_are_clipped_to_the_image_and_flat_ones_have_no_say() -> None:
    boxes = [[-20, -10, 50, 60], [380, 150, 420, 230], [500, 10, 600, 20], [5, 5, 5, 90]]
    fused, scores = fuse([boxes], [[0.9, 0.8, 0.7, 0.6]], SIZE, min_iou=0.55)
    np.testing.assert_allclose(fused, [[0, 0, 50, 60], [380, 150, 400, 200]], atol=1e-3)
    np.testing.assert_allclose(scores, [0.9, 0.8])


def test_rounding_leads_no_box_out_of_the_image() -> None:
    whole = [0.0, 0.0, 400.0, 200.0]  # weighed 0.35, 0.25 and 0.55 in float32, it is 1 + 1e-7
    boxes, _ = fuse([[whole]] * 3, [[0.35], [0.25], [0.55]], SIZE, min_iou=0.55)
    assert boxes.tolist() == [whole]


def test_boxes_of_low_score_are_skipped_and_those_of_0_always() -> None:
    boxes, scores = fuse([[SQUARE, MOVED]], [[0.6, 0.2]], SIZE, min_iou=0.55, skip_score=0.3)
    np.testing.assert_allclose(boxes, [SQUARE], atol=1e-3)
    np.testing.assert_allclose(scores, [0.6])
    boxes, scores = fuse([[SQUARE], [SQUARE]], [[0.0], [1e-30]], SIZE, min_iou=0.55)
    np.testing.assert_allclose(boxes, [SQUARE], atol=1e-3)
    np.testing.assert_allclose(scores, [0.5e-30])


def test_no_boxes_and_no_networks_give_no_boxes() -> None:
    for boxes, scores in (([], []), ([[], []], [[], []]), ([[SQUARE]], [[0.0]])):
        fused, fused_scores = fuse(boxes, scores, SIZE, min_iou=0.55)
        assert fused.shape == (0, 4)
        assert fused_scores.shape == (0,)


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(0, 1000))
def test_fused_boxes_lie_in_the_image_by_falling_score(count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    corner = generator.integers(-5, 40, (count, 2))
    boxes = np.concatenate([corner, corner + generator.integers(5, 30, (count, 2))], axis=1)
    scores, half = np.round(generator.random(count), 1), count // 2
    fused, fused_scores = fuse([boxes, boxes[:half]], [scores, scores[:half]], (40, 50), 0.5)
    assert (fused >= 0).all()
    assert (fused <= [50, 40, 50, 40]).all()
    assert (np.diff(fused_scores) <= 0).all()
    assert (fused_scores <= max(scores, default=0) + 1e-7).all()


def test_refuses_other_numbers_of_scores() -> None:
    with pytest.raises(ValueError, match="2 lists of boxes, but 1 of scores"):
        fuse([[], []], [[]], SIZE, 0.5)
    with pytest.raises(ValueError, match="1 boxes, but 2 scores"):
        fuse([[SQUARE]], [[0.5, 0.6]], SIZE, 0.5)

"""Overlap against torchvision, matching against PASCAL VOC's rule gone through box by box."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import box_iou

from nas.metrics.boxes import iou_matrix, match_boxes, match_images

SQUARE = [0, 0, 10, 10]


def random_boxes(count: int, generator: np.random.Generator, size: float = 40) -> np.ndarray:
    corner = generator.random((count, 2)) * size
    return np.concatenate([corner, corner + 1 + generator.random((count, 2)) * size / 2], axis=1)


def by_the_rule(
    boxes: np.ndarray, scores: np.ndarray, truths: np.ndarray, min_iou: float
) -> list[bool]:
    """VOC's development kit, as its loop over detections goes."""
    hits, taken = [False] * len(boxes), set()
    for place in sorted(range(len(boxes)), key=lambda place: -scores[place]):
        best, best_iou = -1, -1.0
        for truth in range(len(truths)):
            left, top = np.maximum(boxes[place, :2], truths[truth, :2])
            right, bottom = np.minimum(boxes[place, 2:], truths[truth, 2:])
            shared = max(right - left, 0) * max(bottom - top, 0)
            sides = [box[2:] - box[:2] for box in (boxes[place], truths[truth])]
            iou = shared / (sides[0].prod() + sides[1].prod() - shared)
            if iou > best_iou:
                best, best_iou = truth, iou
        if best_iou > min_iou and best not in taken:
            hits[place] = True
            taken.add(best)
    return hits


def test_overlap_by_hand() -> None:
    # 5 x 5 shared of 100 + 100 - 25; half of a square; a touch of edges; far away.
    others = [[5, 5, 15, 15], [0, 0, 10, 5], [10, 0, 20, 10], [50, 50, 60, 60]]
    np.testing.assert_allclose(iou_matrix([SQUARE], others), [[25 / 175, 0.5, 0, 0]])


def test_overlap_equals_torchvision() -> None:
    generator = np.random.default_rng(0)
    a, b = random_boxes(30, generator), random_boxes(20, generator)
    expected = box_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(iou_matrix(a, b), expected, atol=1e-12)
    assert 0 < (expected > 0).mean() < 1


def test_a_box_without_area_overlaps_nothing_and_no_box_is_fine() -> None:
    flat = [[3, 3, 3, 8], [3, 3, 3, 3], [9, 1, 1, 9]]  # a line, a point, right of its own edge
    np.testing.assert_array_equal(iou_matrix(flat, [SQUARE, *flat]), np.zeros((3, 4)))
    assert iou_matrix([], [SQUARE]).shape == (0, 1)
    assert iou_matrix([SQUARE], np.zeros((0, 4))).shape == (1, 0)


def test_the_higher_score_takes_the_truth_and_the_second_is_a_false_alarm() -> None:
    boxes = [[0, 0, 10, 9], [0, 0, 10, 10]]
    assert match_boxes(boxes, [0.9, 0.8], [SQUARE]).tolist() == [True, False]
    assert match_boxes(boxes, [0.8, 0.9], [SQUARE]).tolist() == [False, True]


def test_a_box_is_no_hit_of_another_truth_than_the_one_it_overlaps_most() -> None:
    # Both boxes lie nearest to the first truth; the second would be free, at IoU 85/115.
    truths = [[0, 0, 10, 10], [2, 0, 12, 10]]
    boxes = [[0, 0, 10, 10], [0.5, 0, 10.5, 10]]
    np.testing.assert_allclose(iou_matrix(boxes, truths)[1], [95 / 105, 85 / 115])
    assert match_boxes(boxes, [0.9, 0.8], truths).tolist() == [True, False]


def test_an_overlap_of_exactly_half_is_no_hit() -> None:
    assert not match_boxes([[0, 0, 10, 5]], [1], [SQUARE]).any()
    assert match_boxes([[0, 0, 10, 5.01]], [1], [SQUARE]).all()
    assert match_boxes([[0, 0, 10, 5]], [1], [SQUARE], min_iou=0.49).all()


def test_of_equal_scores_the_first_box_takes_the_truth() -> None:
    boxes = [[0, 0, 10, 8], [0, 0, 10, 10], [0, 0, 10, 9]]
    assert match_boxes(boxes, [0.5, 0.5, 0.5], [SQUARE]).tolist() == [True, False, False]
    assert match_boxes(boxes[::-1], [0.5, 0.5, 0.5], [SQUARE]).tolist() == [True, False, False]


@settings(deadline=None)
@given(st.integers(0, 8), st.integers(0, 5), st.integers(0, 10_000), st.sampled_from([0.2, 0.5]))
def test_equals_the_rule_gone_through_box_by_box(
    found: int, there: int, seed: int, min_iou: float
) -> None:
    generator = np.random.default_rng(seed)
    truths = random_boxes(there, generator, size=20)
    near = truths[generator.integers(0, there, found)] if there else random_boxes(found, generator)
    boxes = near + generator.normal(0, 1, (found, 4))
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 0.1)
    scores = generator.integers(0, 4, found) / 4
    expected = by_the_rule(boxes, scores, truths, min_iou)
    assert match_boxes(boxes, scores, truths, min_iou).tolist() == expected


def test_swapped_x_and_y_do_not_match() -> None:
    truth = np.array([[10, 40, 30, 90]])
    assert match_boxes(truth, [0.9], truth).all()
    assert not match_boxes(truth[:, [1, 0, 3, 2]], [0.9], truth).any()


def test_a_corner_and_sides_instead_of_two_corners_do_not_match() -> None:
    truth = np.array([[50, 60, 90, 130]])
    as_sides = truth - np.array([[0, 0, 50, 60]])  # x, y, width, height: 50, 60, 40, 70
    assert not match_boxes(as_sides, [0.9], truth).any()


def test_scores_that_turned_into_strings_are_refused() -> None:
    row = np.stack([["opacity", 0.9, 0, 0, 10, 10]])  # numpy makes them all strings
    with pytest.raises(ValueError, match="scores must be numbers, but are <U"):
        match_boxes([SQUARE], row[:, 1], [SQUARE])
    with pytest.raises(ValueError, match="coordinates must be numbers, but are <U"):
        match_boxes(row[:, 2:], [0.9], [SQUARE])


def test_images_are_matched_each_by_itself() -> None:
    # The second has no box to find, the third neither that nor a box found.
    matches = match_images(
        [[SQUARE, [20, 20, 30, 30]], [SQUARE], [], []],
        [[0.4, 0.9], [0.7], [], []],
        [[SQUARE], [], [], [SQUARE, SQUARE]],
    )
    assert matches.scores_P.tolist() == [0.4, 0.9, 0.7]
    assert matches.hits_P.tolist() == [True, False, False]
    assert matches.image_P.tolist() == [0, 0, 1]
    assert matches.positives_G.tolist() == [1, 0, 0, 2]
    assert match_images([], [], []).positives_G.shape == (0,)


def test_refuses_what_are_no_boxes() -> None:
    with pytest.raises(ValueError, match=r"shape \(boxes, 4\), but have \(2, 3\)"):
        iou_matrix(np.zeros((2, 3)), [SQUARE])
    with pytest.raises(ValueError, match="1 of 4 coordinates are not finite"):
        iou_matrix([[0, 0, np.nan, 1]], [SQUARE])
    with pytest.raises(ValueError, match="1 boxes, but 2 scores"):
        match_boxes([SQUARE], [0.1, 0.2], [SQUARE])
    with pytest.raises(ValueError, match=r"one list of numbers, but have shape \(1, 1\)"):
        match_boxes([SQUARE], [[0.1]], [SQUARE])

"""Boxes between original and input, on images where an exchange of height and width would show."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nas.data.boxes import scaled_boxes
from nas.tasks.covid.suppression import clipped, drop_vanished, to_original

ORIGINAL, INPUT = (2000, 3000), (512, 384)
"""Heights and widths: y shrinks to 0.256, x to 0.128."""


def test_x_goes_by_the_width_and_y_by_the_height() -> None:
    np.testing.assert_allclose(
        to_original([[128, 128, 256, 384]], ORIGINAL, INPUT), [[1000, 500, 2000, 1500]]
    )


def test_height_and_width_exchanged_would_give_another_box() -> None:
    box = [[128.0, 128, 256, 384]]
    right = to_original(box, ORIGINAL, INPUT)
    exchanged = to_original(box, ORIGINAL[::-1], INPUT)
    np.testing.assert_allclose(exchanged, [[128 * 2000 / 384, 750, 256 * 2000 / 384, 2250]])
    assert np.abs(right - exchanged).min() > 200


@given(arrays(np.float64, (3, 4), elements=st.floats(0, 1)), st.tuples(*[st.integers(1, 4000)] * 4))
def test_there_and_back_is_the_same_box(
    shares: np.ndarray, sizes: tuple[int, int, int, int]
) -> None:
    original, network = sizes[:2], sizes[2:]
    boxes = shares * np.tile(original[::-1], 2)  # width, height, width, height
    there = scaled_boxes(boxes.tolist(), original, network)
    np.testing.assert_allclose(to_original(there, original, network), boxes, atol=1e-3)


def test_boxes_are_clipped_to_the_image() -> None:
    boxes = [[-5, -7, 20, 30], [90, 10, 130, 70], [10, 10, 20, 20]]
    expected = [[0, 0, 20, 30], [90, 10, 100, 50], [10, 10, 20, 20]]
    np.testing.assert_array_equal(clipped(boxes, (50, 100)), expected)
    twice = to_original(boxes, (100, 200), (50, 100))
    np.testing.assert_array_equal(twice, 2 * np.array(expected))


def test_a_box_beyond_the_edge_vanishes_and_its_score_with_it() -> None:
    boxes = clipped([[110, 10, 130, 20], [10, 10, 20, 20], [10, -20, 20, -1]], (50, 100))
    left, kept = drop_vanished(boxes)
    np.testing.assert_array_equal(left, [[10, 10, 20, 20]])
    assert np.array([0.9, 0.8, 0.7])[kept].tolist() == [0.8]


def test_no_boxes_are_fine_and_no_image_is_not() -> None:
    assert to_original([], ORIGINAL, INPUT).shape == (0, 4)
    assert drop_vanished([])[0].shape == (0, 4)
    with pytest.raises(ValueError, match="height 0 and width 10"):
        clipped([], (0, 10))

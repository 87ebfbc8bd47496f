"""Boxes clipped to their picture and scaled with it."""

import numpy as np
import pytest

from nas.data.boxes import Box, clipped_box, scaled_boxes


@pytest.mark.parametrize(
    ("box", "part"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        ((-5, -1, 30, 40), (0, 0, 20, 10)),
        ((15, 8, 25, 9), (15, 8, 20, 9)),
        ((20, 0, 25, 5), None),  # begins where the picture ends
        ((-4, 0, 0, 5), None),
        ((0, 10, 5, 12), None),
        ((30, 30, 40, 40), None),
    ],
)
def test_the_part_within_a_picture_of_10_x_20(box: Box, part: Box | None) -> None:
    assert clipped_box(box, (10, 20)) == part


def test_width_and_height_are_scaled_each_by_itself() -> None:
    # 200 high and 100 wide becomes 50 high and 400 wide: y is quartered, x is four times as large.
    found = scaled_boxes([(10, 20, 30, 80), (0, 0, 100, 200)], (200, 100), (50, 400))
    assert found.dtype == np.float32
    assert found.tolist() == [[40, 5, 120, 20], [0, 0, 400, 50]]


def test_no_boxes_keep_their_shape() -> None:
    assert scaled_boxes([], (3, 4), (5, 6)).shape == (0, 4)

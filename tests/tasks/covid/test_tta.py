"""Eight views: a box that is drawn, shown and found again lies where it was drawn."""

import numpy as np
import pytest
import torch

from nas.tasks.covid.tta import VIEWS, View, first_views

SIZE = (7, 11)
BOX = [1.0, 1.0, 8.0, 4.0]
"""Off the middle in both directions, so that every view shows it elsewhere."""


def drawn(box: list[float], size: tuple[int, int]) -> torch.Tensor:
    image = torch.zeros(1, 1, *size)
    x1, y1, x2, y2 = map(int, box)
    image[:, :, y1:y2, x1:x2] = 1
    return image


def found(image: torch.Tensor) -> list[float]:
    y, x = torch.nonzero(image[0, 0], as_tuple=True)
    return [float(v) for v in (x.min(), y.min(), x.max() + 1, y.max() + 1)]


@pytest.mark.parametrize("size", [SIZE, (11, 7), (9, 9)])
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_box_found_in_a_view_lies_where_it_was_drawn(view: View, size: tuple[int, int]) -> None:
    box = [2.0, 1.0, 5.0, 7.0]
    shown = view.apply(drawn(box, size))
    assert shown.shape == (1, 1, *(size[::-1] if view.transposed else size))
    np.testing.assert_array_equal(view.boxes_back([found(shown)], size), [box])


@pytest.mark.parametrize("view", VIEWS[1:], ids=lambda view: view.name)
def test_flipped_boxes_that_are_not_flipped_back_lie_elsewhere(view: View) -> None:
    in_view = found(view.apply(drawn(BOX, SIZE)))
    assert in_view != BOX
    np.testing.assert_array_equal(view.boxes_back([in_view], SIZE), [BOX])


def test_the_views_are_the_group_of_eight() -> None:
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    shown = [view.apply(image) for view in VIEWS]
    assert len({tuple(x.flatten().tolist()) for x in shown}) == len(VIEWS) == 8
    for second in VIEWS:
        for first in shown:
            both = second.apply(first)
            assert sum(torch.equal(both, x) for x in shown) == 1
    turned = torch.rot90(image, 1, (2, 3))
    assert any(torch.equal(turned, x) for x in shown)


def test_the_first_views_begin_with_the_image_as_it_is() -> None:
    x_NCHW = torch.rand(2, 3, 4, 5)
    (alone,) = first_views(1)
    assert torch.equal(alone.apply(x_NCHW), x_NCHW)
    assert not any(view.transposed for view in first_views(4))
    assert first_views(8) == VIEWS
    for count in (0, 9):
        with pytest.raises(ValueError, match=f"{count} views of 8"):
            first_views(count)


def test_images_and_channels_stay_apart_and_no_box_is_fine() -> None:
    x_NCHW = torch.rand(2, 3, 4, 5)
    for view in VIEWS:
        shown = view.apply(x_NCHW)
        assert torch.equal(shown[1:, 2:], view.apply(x_NCHW[1:, 2:]))
        assert view.boxes_back([], (4, 5)).shape == (0, 4)

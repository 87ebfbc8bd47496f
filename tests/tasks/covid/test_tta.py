"""Eight symmetries: a box that is drawn, shown and found again lies where it was drawn."""

import numpy as np
import pytest
import torch

from nas.tasks.covid.tta import SYMMETRIES, Symmetry, first_symmetries

SIZE = (7, 11)
BOX = [1.0, 1.0, 8.0, 4.0]
"""Off the middle in both directions, so that every symmetry shows it elsewhere."""


def drawn(box: list[float], size: tuple[int, int]) -> torch.Tensor:
    image = torch.zeros(1, 1, *size)
    x1, y1, x2, y2 = map(int, box)
    image[:, :, y1:y2, x1:x2] = 1
    return image


def found(image: torch.Tensor) -> list[float]:
    y, x = torch.nonzero(image[0, 0], as_tuple=True)
    return [float(v) for v in (x.min(), y.min(), x.max() + 1, y.max() + 1)]


@pytest.mark.parametrize("size", [SIZE, (11, 7), (9, 9)])
@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=lambda symmetry: symmetry.name)
def test_a_box_found_in_a_symmetry_lies_where_it_was_drawn(
    symmetry: Symmetry, size: tuple[int, int]
) -> None:
    box = [2.0, 1.0, 5.0, 7.0]
    shown = symmetry.apply(drawn(box, size))
    assert shown.shape == (1, 1, *(size[::-1] if symmetry.transposed else size))
    np.testing.assert_array_equal(symmetry.boxes_back([found(shown)], size), [box])


@pytest.mark.parametrize("symmetry", SYMMETRIES[1:], ids=lambda symmetry: symmetry.name)
def test_flipped_boxes_that_are_not_flipped_back_lie_elsewhere(symmetry: Symmetry) -> None:
    shown_box = found(symmetry.apply(drawn(BOX, SIZE)))
    assert shown_box != BOX
    np.testing.assert_array_equal(symmetry.boxes_back([shown_box], SIZE), [BOX])


def test_the_symmetries_are_the_group_of_eight() -> None:
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    shown = [symmetry.apply(image) for symmetry in SYMMETRIES]
    assert len({tuple(x.flatten().tolist()) for x in shown}) == len(SYMMETRIES) == 8
    for second in SYMMETRIES:
        for first in shown:
            both = second.apply(first)
            assert sum(torch.equal(both, x) for x in shown) == 1
    turned = torch.rot90(image, 1, (2, 3))
    assert any(torch.equal(turned, x) for x in shown)


def test_the_first_symmetries_begin_with_the_image_as_it_is() -> None:
    x_NCHW = torch.rand(2, 3, 4, 5)
    (alone,) = first_symmetries(1)
    assert torch.equal(alone.apply(x_NCHW), x_NCHW)
    assert not any(symmetry.transposed for symmetry in first_symmetries(4))
    assert first_symmetries(8) == SYMMETRIES
    for count in (0, 9):
        with pytest.raises(ValueError, match=f"{count} symmetries of 8"):
            first_symmetries(count)


def test_images_and_channels_stay_apart_and_no_box_is_fine() -> None:
    x_NCHW = torch.rand(2, 3, 4, 5)
    for symmetry in SYMMETRIES:
        shown = symmetry.apply(x_NCHW)
        assert torch.equal(shown[1:, 2:], symmetry.apply(x_NCHW[1:, 2:]))
        assert symmetry.boxes_back([], (4, 5)).shape == (0, 4)

"""Boxes in the cells of SIIM's tables: read as written, never run, every wrong text refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data.xray.siim import MOST_CHARACTERS, read_boxes, read_label, same_boxes

KAGGLE_BOXES = (
    "[{'x': 789.28836, 'y': 582.43035, 'width': 1026.65662, 'height': 1917.30292}, "
    "{'x': 2245.91208, 'y': 591.20528, 'width': 1094.66162, 'height': 1761.54944}]"
)
KAGGLE_LABEL = (
    "opacity 1 789.28836 582.43035 1815.94498 2499.73327 "
    "opacity 1 2245.91208 591.20528 3340.5737 2352.75472"
)


def test_cells_of_the_kaggle_table() -> None:
    boxes, labelled = read_boxes(KAGGLE_BOXES), read_label(KAGGLE_LABEL)
    assert boxes[1] == pytest.approx((2245.91208, 591.20528, 3340.5737, 2352.75472))
    assert labelled[0] == (789.28836, 582.43035, 1815.94498, 2499.73327)
    assert same_boxes(boxes, labelled)
    assert read_boxes("") == read_boxes("[]") == read_label("none 1 0 0 1 1") == ()


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("{'x': 1}", "is no list of mappings"),
        ("[1", "is no list of mappings"),
        ("__import__('os').system('true')", "is no list of mappings"),
        ("[" * 5_000, "is no list of mappings"),
        ("[" * MOST_CHARACTERS + "]", "20001 characters, more than 20000"),
        ("['\\d', 1is]", "is no list of mappings"),
        ("[1]", "has not the numbers x, y, width and height"),
        ("[{'x': 1, 'y': 2, 'width': 3}]", "has not the numbers"),
        ("[{'x': 1, 'y': 2, 'width': 3, 'height': None}]", "has not the numbers"),
        ("[{'x': 1, 'y': 2, 'width': 3, 'height': True}]", "has not the numbers"),
        ("[{'x': 1, 'y': 2, 'width': 1e999, 'height': 4}]", "has not the numbers"),
        ("[{'x': 1, 'y': 2, 'width': 1" + "0" * 400 + ", 'height': 4}]", "has not the numbers"),
        ("[{'x': 1, 'y': 2, 'width': -3, 'height': 4}]", "is not x1 < x2 and y1 < y2"),
        ("[{'x': 1, 'y': 2, 'width': 3, 'height': 0}]", "is not x1 < x2 and y1 < y2"),
        ("[{'x': 1e308, 'y': 2, 'width': 1e308, 'height': 4}]", "is not x1 < x2"),
    ],
)
def test_a_wrong_list(cell: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        read_boxes(cell)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "is neither"),
        ("none", "is neither"),
        ("none 1 0 0 1", "is neither"),
        ("none 1 0 0 1 2", "is neither"),
        ("none 1 0 0 1 1 none 1 0 0 1 1", "is neither"),
        ("none 1 0 0 1 1 opacity 1 1 2 3 4", "is neither"),
        ("opacity 1 1 2 3", "is neither"),
        ("opacity 1 1 2 3 4 opacity", "is neither"),
        ("Opacity 1 1 2 3 4", "is neither"),
        ("opacity 1 1 2 3 x", "an edge that is not a number"),
        ("opacity 1 1 2 3 nan", "an edge that is not a number"),
        ("opacity 1 3 2 1 4", "is not x1 < x2 and y1 < y2"),
        ("opacity 1 1 4 3 2", "is not x1 < x2 and y1 < y2"),
    ],
)
def test_a_wrong_label(cell: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_label(cell)


def test_boxes_are_alike_to_a_pixel_in_any_order() -> None:
    first, second = (1.0, 2.0, 30.0, 40.0), (50.0, 60.0, 70.0, 80.0)
    moved = (2.0, 1.0, 31.0, 39.0)
    assert same_boxes([first, second], [second, moved])
    assert same_boxes([], [])
    assert not same_boxes([first], [first, second])
    assert not same_boxes([first, second], [first])
    assert not same_boxes([first, first], [first, second])
    assert not same_boxes([first], [(1.0, 2.0, 30.0, 41.1)])


@given(st.text(alphabet="[]{}'xywidthe:,. 0123456789-+*()\\\"", max_size=60))
def test_no_text_is_a_crash(cell: str) -> None:
    for read in (read_boxes, read_label):
        try:
            read(cell)
        except ValueError:
            continue

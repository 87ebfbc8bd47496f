"""Suppression gone through by its rule; what is told where a package is missing."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import NasError
from nas.metrics.boxes import iou_matrix
from nas.tasks.covid.suppression import fuse, suppress

SQUARE = [100.0, 100.0, 200.0, 200.0]
MOVED = [110.0, 100.0, 210.0, 200.0]
"""IoU with the square: 9000 of 11000."""


def boxes_and_scores(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    corner = generator.integers(0, 30, (count, 2))
    boxes = np.concatenate([corner, corner + generator.integers(5, 30, (count, 2))], axis=1)
    return boxes.astype(float), np.round(generator.random(count), 1)


def test_of_boxes_that_overlap_the_best_is_kept() -> None:
    boxes = [MOVED, SQUARE, [300, 0, 350, 50]]
    assert suppress(boxes, [0.6, 0.9, 0.1], max_iou=0.5).tolist() == [1, 2]
    assert suppress(boxes, [0.6, 0.9, 0.1], max_iou=0.9).tolist() == [1, 0, 2]
    # Exactly as much as allowed is kept.
    assert suppress([SQUARE, [100, 100, 200, 150]], [0.9, 0.8], max_iou=0.5).tolist() == [0, 1]


def test_a_suppressed_box_suppresses_none() -> None:
    # 1/3 shared from each to the next: the third overlaps the second alone, which is gone.
    chain = [[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10]]
    assert suppress(chain, [0.9, 0.8, 0.7], max_iou=0.3).tolist() == [0, 2]


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(0, 1000), st.sampled_from([0.1, 0.4, 0.7]))
def test_suppression_equals_its_rule(count: int, seed: int, max_iou: float) -> None:
    boxes, scores = boxes_and_scores(count, seed)
    kept: list[int] = []
    for place in np.argsort(-scores, kind="stable").tolist():
        if all(iou_matrix(boxes[[place]], boxes[[other]])[0, 0] <= max_iou for other in kept):
            kept.append(place)
    assert suppress(boxes, scores, max_iou).tolist() == kept


def test_no_boxes_are_fine_and_other_numbers_of_scores_are_not() -> None:
    assert suppress([], [], 0.5).shape == (0,)
    with pytest.raises(ValueError, match="1 boxes, but 2 scores"):
        suppress([SQUARE], [0.5, 0.6], 0.5)


@pytest.mark.parametrize(
    ("module", "told", "call"),
    [
        ("ensemble_boxes", "'compact-nas.xray.'", lambda: fuse([[SQUARE]], [[1]], (300, 300), 0.5)),
        ("torchvision.ops", "--upgrade torch torchvision", lambda: suppress([SQUARE], [1], 0.5)),
    ],
)
def test_a_missing_package_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str, told: str, call: Callable[[], Any]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # to import it is then an ImportError
    with pytest.raises(NasError, match=f"can't be imported .*: pip install {told}"):
        call()

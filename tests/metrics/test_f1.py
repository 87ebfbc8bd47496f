"""F1, accuracy and confusion against scikit-learn, and what they do with classes never met."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from nas.metrics.f1 import accuracy, confusion_matrix, macro_f1, macro_f1_of, per_class_f1


@st.composite
def labelled_predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    classes = draw(st.integers(2, 7))
    size = draw(st.integers(1, 60))
    numbers = st.lists(st.integers(0, classes - 1), min_size=size, max_size=size)
    return np.array(draw(numbers)), np.array(draw(numbers)), classes


@settings(deadline=None)
@given(labelled_predictions())
def test_agrees_with_scikit_learn(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    labels, predictions, classes = case
    every = list(range(classes))
    options = {"labels": every, "zero_division": 0}
    assert macro_f1(labels, predictions, classes) == pytest.approx(
        metrics.f1_score(labels, predictions, average="macro", **options), abs=1e-12
    )
    np.testing.assert_allclose(
        per_class_f1(labels, predictions, classes),
        metrics.f1_score(labels, predictions, average=None, **options),
        atol=1e-12,
    )
    np.testing.assert_array_equal(
        confusion_matrix(labels, predictions, classes),
        metrics.confusion_matrix(labels, predictions, labels=every),
    )
    assert accuracy(labels, predictions) == pytest.approx((labels == predictions).mean())


def test_hand_worked() -> None:
    # class 0: TP 2, FP 1, FN 1 -> 4/6; class 1: TP 1, FP 1, FN 1 -> 1/2; class 2 is never met
    labels, predictions = [0, 0, 0, 1, 1], [0, 0, 1, 1, 0]
    np.testing.assert_allclose(per_class_f1(labels, predictions, 3), [2 / 3, 1 / 2, 0])
    assert macro_f1(labels, predictions, 3) == pytest.approx((2 / 3 + 1 / 2) / 3)


def test_matrices_are_measured_at_once() -> None:
    first = confusion_matrix([0, 1, 1], [0, 1, 0], 2)
    second = confusion_matrix([0, 1, 1], [1, 1, 1], 2)
    both = macro_f1_of(np.stack([first, second]))
    np.testing.assert_allclose(both, [macro_f1_of(first), macro_f1_of(second)])


@pytest.mark.parametrize(
    ("labels", "predictions", "complaint"),
    [
        ([0, 1], [0], "2 labels, but 1 predictions"),
        ([0, 3], [0, 1], "must lie in 0..2"),
        ([0, -1], [0, 1], "must lie in 0..2"),
        ([0.0, 1.0], [0, 1], "must be integers"),
        ([[0, 1]], [[0, 1]], "one list"),
    ],
)
def test_refuses(labels: list[int], predictions: list[int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        macro_f1(labels, predictions, 3)

"""Thresholds of groups: which groups each was chosen on."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nas.metrics.cross_fit import ChosenThresholds


def binary(chosen_G: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A number that says which groups were looked at, and its negative for a second class."""
    number = float((2.0 ** np.flatnonzero(chosen_G)).sum())
    return np.array([number, -number])


@pytest.mark.parametrize("groups", [2, 3, 5, 12])
def test_a_group_is_counted_with_what_the_other_folds_say(groups: int) -> None:
    chosen = ChosenThresholds.cross_fitted(binary, groups)
    assert chosen.source == "other groups"
    assert chosen.kept_K.tolist() == [2**groups - 1, 1 - 2**groups]
    folds = min(groups, 5)
    for group in range(groups):
        others = sum(2**other for other in range(groups) if other % folds != group % folds)
        assert chosen.used_GK[group].tolist() == [others, -others]


def test_a_lone_group_has_its_own() -> None:
    chosen = ChosenThresholds.cross_fitted(binary, 1)
    assert (chosen.used_GK.tolist(), chosen.source) == ([[1, -1]], "same group")


def test_given_ones_are_everyones() -> None:
    chosen = ChosenThresholds.given(np.array([0.2, 0.7]), 3)
    assert (chosen.used_GK.tolist(), chosen.source) == ([[0.2, 0.7]] * 3, "given")

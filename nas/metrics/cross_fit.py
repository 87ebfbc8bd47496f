"""Thresholds chosen on a split's own groups without flattering them: each on the other groups.

G groups (recordings, patients), K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

FOLDS = 5

ChosenOn = Literal["given", "given by group", "other groups", "same group"]
"""What thresholds were chosen on: elsewhere, for all groups or for each; other groups, or those
that they are used on."""

BestThresholds = Callable[[NDArray[np.bool_]], NDArray[np.float64]]
"""From the groups that are looked at, (G,), to the thresholds (K,) that are best on them."""


@dataclass(frozen=True, eq=False)
class ChosenThresholds:
    """Thresholds to keep, and those that each group is counted with."""

    kept_K: NDArray[np.float64]
    used_GK: NDArray[np.float64]
    source: ChosenOn
    """Of those in use."""

    @classmethod
    def given(cls, kept_K: NDArray[np.float64], groups: int) -> Self:
        """The same for every group."""
        return cls(kept_K, np.tile(kept_K, (groups, 1)), "given")

    @classmethod
    def cross_fitted(cls, best: BestThresholds, groups: int) -> Self:
        """The best ones: to keep, on all groups; in use, on other groups.

        Group g is of fold g modulo 5 (of fewer than 5 groups each is one), and is counted with the
        thresholds that are best on the other folds. What thresholds gain on the groups that they
        were chosen on is so left out. A lone group has no others: it is counted with its own, and
        the figures come out too high.
        """
        kept_K = best(np.ones(groups, bool))
        folds = min(FOLDS, groups)
        if folds == 1:
            return cls(kept_K, kept_K[None], "same group")
        fold_G = np.arange(groups) % folds
        fitted_FK = np.stack([best(fold_G != fold) for fold in range(folds)])
        return cls(kept_K, fitted_FK[fold_G], "other groups")

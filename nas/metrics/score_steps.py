"""Predictions by falling score, as the curves of precision, recall and ROC go through them.

Equal scores are one step: a threshold lets all of them in or none, so their order says nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.metrics.finite import finite_list

Values = NDArray[np.float64]

_CELLS = 2**18
"""Weights of draws that are worked on at a time: they stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class ScoreSteps:
    """The order of P predictions, and where each of S steps ends in it."""

    order_P: NDArray[np.intp]
    last_S: NDArray[np.intp]

    @classmethod
    def of(cls, scores_P: ArrayLike) -> Self:
        """Steps of scores. Raises ValueError for scores that are no finite numbers."""
        scores = finite_list(scores_P, "scores")
        order_P = np.argsort(-scores, kind="stable")
        falling_P = scores[order_P]
        ends = np.append(falling_P[1:] != falling_P[:-1], True)[: len(scores)]
        return cls(order_P, np.flatnonzero(ends))

    def totals(self, values_XP: NDArray[np.number | np.bool_]) -> Values:
        """Sum, at the end of each step, of the values so far, shape (..., S).

        `values_XP` are in the order of the steps, as `sorted` and `drawn` give them.
        """
        sums_XP: Values = values_XP.cumsum(axis=-1, dtype=np.float64)
        return sums_XP if len(self.last_S) == len(self.order_P) else sums_XP[..., self.last_S]

    def sorted(self, values_P: ArrayLike) -> NDArray[np.bool_]:
        """Whether each prediction is one of a kind, in the order of the steps.

        Raises ValueError if the values are not as many as the predictions.
        """
        values = np.asarray(values_P, bool)
        if values.shape != self.order_P.shape:
            raise ValueError(f"values of shape {values.shape} of {len(self.order_P)} predictions")
        return values[self.order_P]

    def drawn(self, draws_RG: NDArray[np.integer], group_P: ArrayLike) -> Iterator[Values]:
        """How often each prediction is drawn, some draws at a time, in the order of the steps.

        A prediction is drawn with its group (as many times as `group_draws` says): (R, P) in parts.
        """
        groups_P = np.asarray(group_P, np.int64)
        if groups_P.shape != self.order_P.shape:
            raise ValueError(f"groups of shape {groups_P.shape} of {len(self.order_P)} predictions")
        if groups_P.size and not 0 <= groups_P.min() <= groups_P.max() < draws_RG.shape[1]:
            reach = f"{groups_P.min()}..{groups_P.max()}"
            raise ValueError(f"groups must lie in 0..{draws_RG.shape[1] - 1}, but reach {reach}")
        rows = max(_CELLS // max(len(groups_P), 1), 1)
        for start in range(0, len(draws_RG), rows):
            part_RG = draws_RG[start : start + rows].astype(np.float64)
            yield part_RG[:, groups_P[self.order_P]]

"""Area under the ROC curve of one class against the rest, of samples and of draws of them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.metrics.finite import finite_list
from nas.metrics.score_steps import ScoreSteps

Values = NDArray[np.float64]


def auc(scores_N: ArrayLike, positive_N: ArrayLike) -> float | None:
    """Area in 0..1 (scikit-learn's `roc_auc_score`); None where all or no samples are positive.

    The share of pairs, a positive and another sample, in which the positive has the higher score;
    equal scores count half. Raises ValueError for scores that are no finite numbers.
    """
    from sklearn.metrics import roc_auc_score

    scores, positive = finite_list(scores_N, "scores"), np.asarray(positive_N, bool)
    if scores.shape != positive.shape:
        raise ValueError(f"{scores.size} scores, but {positive.size} samples")
    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, scores))


def auc_draws(
    draws_RG: NDArray[np.integer], scores_N: ArrayLike, positive_N: ArrayLike, group_N: ArrayLike
) -> Values:
    """Area (R,) with each group's samples as often as `draws_RG` draws them.

    NaN where a draw lacks positives or others. Equal to `auc` of copies of the drawn groups.
    """
    steps = ScoreSteps.of(scores_N)
    positive = steps.sorted(positive_N)
    areas = [
        _areas(steps.totals(drawn_RN * positive), steps.totals(drawn_RN * ~positive))
        for drawn_RN in steps.drawn(draws_RG, group_N)
    ]
    return np.concatenate(areas)


def _areas(positive_XS: Values, other_XS: Values) -> Values:
    """Area under the curve through the ends of steps, from the totals there; NaN without one."""
    if positive_XS.shape[-1] == 0:
        return np.full(positive_XS.shape[:-1], np.nan)
    pairs_X = positive_XS[..., -1] * other_XS[..., -1]
    right_XS = other_XS[..., -1:] - other_XS + np.diff(other_XS, axis=-1, prepend=0) / 2
    won_X = (np.diff(positive_XS, axis=-1, prepend=0) * right_XS).sum(axis=-1)
    undefined_X = np.full(pairs_X.shape, np.nan)
    area_X: Values = np.divide(won_X, pairs_X, out=undefined_X, where=pairs_X > 0)
    return area_X

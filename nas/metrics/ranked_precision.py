"""Average precision of one class of samples: the mean precision at its positives, by falling score.

Without the envelope of the detectors' one (nas.metrics.average_precision): scikit-learn's
`average_precision_score`, in which equal scores are one step.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.metrics.score_steps import ScoreSteps

Values = NDArray[np.float64]


def ranked_precision(scores_N: ArrayLike, positive_N: ArrayLike) -> float | None:
    """Average precision in 0..1; None without a positive."""
    steps = ScoreSteps.of(scores_N)
    positive = steps.sorted(positive_N)
    if not positive.any():
        return None
    return float(_mean_precision(steps.totals(positive), steps.totals(np.ones(len(positive)))))


def ranked_precision_draws(
    draws_RG: NDArray[np.integer], scores_N: ArrayLike, positive_N: ArrayLike, group_N: ArrayLike
) -> Values:
    """The same (R,) with each group's samples as often as `draws_RG` draws them; NaN without a
    positive."""
    steps = ScoreSteps.of(scores_N)
    positive = steps.sorted(positive_N)
    parts = [
        _mean_precision(steps.totals(drawn_RN * positive), steps.totals(drawn_RN))
        for drawn_RN in steps.drawn(draws_RG, group_N)
    ]
    return np.concatenate(parts)


def _mean_precision(hits_XS: Values, called_XS: Values) -> Values:
    """From totals at each step's end."""
    if hits_XS.shape[-1] == 0:
        return np.full(hits_XS.shape[:-1], np.nan)
    precision_XS = np.divide(hits_XS, called_XS, out=np.zeros_like(hits_XS), where=called_XS > 0)
    sum_X = (np.diff(hits_XS, axis=-1, prepend=0) * precision_XS).sum(axis=-1)
    positives_X = hits_XS[..., -1]
    undefined_X = np.full(positives_X.shape, np.nan)
    mean_X: Values = np.divide(sum_X, positives_X, out=undefined_X, where=positives_X > 0)
    return mean_X

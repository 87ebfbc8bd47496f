"""Average precision of PASCAL VOC 2010: the area under the envelope of precision over recall.

Everingham et al. 2010, The PASCAL Visual Object Classes (VOC) Challenge, and its development kit of
2010, which takes all recalls instead of eleven. Predictions of all images go into one curve; equal
scores are one step of it, so that the order of images does not matter.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.metrics.score_steps import ScoreSteps

Values = NDArray[np.float64]


def average_precision(scores_P: ArrayLike, hits_P: ArrayLike, positives: int) -> float | None:
    """AP in 0..1 of P predictions; None where `positives`, how many there are to find, is 0.

    `hits_P` says which predictions are hits (`match_boxes`); unmatched positives are misses.
    Raises ValueError for more hits than positives.
    """
    steps = ScoreSteps.of(scores_P)
    hits = steps.sorted(hits_P)
    _check_hits(int(hits.sum()), positives)
    if positives == 0:
        return None
    return float(_areas(steps.totals(hits), steps.totals(np.ones(len(hits)))) / positives)


def average_precision_draws(
    draws_RG: NDArray[np.integer],
    scores_P: ArrayLike,
    hits_P: ArrayLike,
    group_P: ArrayLike,
    positives_G: ArrayLike,
) -> Values:
    """AP (R,) with each group's predictions and positives as often as `draws_RG` draws them.

    NaN where a draw has no positive. Equal to `average_precision` of copies of the drawn groups.
    """
    steps = ScoreSteps.of(scores_P)
    hits, positives = steps.sorted(hits_P), np.asarray(positives_G, np.int64)
    areas = [
        _areas(steps.totals(drawn_RP * hits), steps.totals(drawn_RP))
        for drawn_RP in steps.drawn(draws_RG, group_P)
    ]
    hit_groups_P = np.asarray(group_P, np.int64)[np.asarray(hits_P, bool)]
    _check_hits(np.bincount(hit_groups_P, minlength=len(positives)), positives)
    positives_R = (draws_RG @ positives).astype(np.float64)
    ap_R = np.full(len(draws_RG), np.nan)
    np.divide(np.concatenate(areas), positives_R, out=ap_R, where=positives_R > 0)
    return ap_R


def _areas(hits_XS: Values, called_XS: Values) -> Values:
    """Area under the envelope, times the number of positives, from totals at each step's end."""
    precision_XS = np.divide(hits_XS, called_XS, out=np.zeros_like(hits_XS), where=called_XS > 0)
    envelope_XS = np.maximum.accumulate(precision_XS[..., ::-1], axis=-1)[..., ::-1]
    area_X: Values = (np.diff(hits_XS, axis=-1, prepend=0) * envelope_XS).sum(axis=-1)
    return area_X


def _check_hits(hits_X: NDArray[np.int64] | int, positives_X: NDArray[np.int64] | int) -> None:
    if np.any(np.asarray(hits_X) > np.asarray(positives_X)):
        raise ValueError(f"more hits than there are positives: {hits_X} of {positives_X}")

"""F1 of boxes over all images at a score threshold (computed by `nas.metrics.multilabel.f1_of`).

A box counts from the threshold upwards. Matching goes by falling score, so boxes below a threshold
never change which of those above it are hits: all thresholds are read off one matching. F1 is 0
where nothing was there and nothing was found, as everywhere in `multilabel`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.metrics.finite import finite_list
from nas.metrics.multilabel import NO_POSITIVE_THRESHOLD, Counts
from nas.metrics.score_steps import ScoreSteps


def counts_at(
    scores_P: ArrayLike,
    hits_P: ArrayLike,
    group_P: ArrayLike,
    positives_G: ArrayLike,
    threshold: float,
) -> Counts:
    """Hits, false alarms and misses of each group, images or studies, shape (G, 3)."""
    scores, hits = finite_list(scores_P, "scores"), np.asarray(hits_P, bool)
    groups, positives_G = np.asarray(group_P, np.int64), np.asarray(positives_G, np.int64)
    if not scores.shape == hits.shape == groups.shape:
        raise ValueError(f"{scores.size} scores, {hits.size} hits, {groups.size} groups")
    called = scores >= threshold
    hits_G, false_G = (
        _counts_by(groups[called & kind], len(positives_G)) for kind in (hits, ~hits)
    )
    if (hits_G > positives_G).any():
        raise ValueError(f"more hits than there are positives: {hits_G} of {positives_G}")
    return np.stack([hits_G, false_G, positives_G - hits_G], axis=-1)


def best_threshold(scores_P: ArrayLike, hits_P: ArrayLike, positives: int) -> float:
    """Threshold of the highest F1 = 2 TP / (2 TP + FP + FN); of equally good ones the highest.

    It lies midway between two neighbouring scores, or midway between the lowest score and 0, so
    that small changes of a score don't matter. 0.5 where there is nothing to find or nothing found.
    """
    steps = ScoreSteps.of(scores_P)
    hits = steps.sorted(hits_P)
    if positives == 0 or len(hits) == 0:
        return NO_POSITIVE_THRESHOLD
    called_S = steps.last_S + 1
    best = int((2 * steps.totals(hits) / (called_S + positives)).argmax())
    falling_S = finite_list(scores_P, "scores")[steps.order_P[steps.last_S]]
    lowest_kept = falling_S[best]
    below = falling_S[best + 1] if best + 1 < len(falling_S) else 0.0
    middle = (lowest_kept + below) / 2
    # Neighbouring floats have no middle, and a lowest score below 0 has 0 above it.
    return float(middle if middle > below else lowest_kept)


def _counts_by(groups_X: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    """How many of X belong to each group. Raises ValueError for a group that is none."""
    counts_G = np.bincount(groups_X, minlength=groups)
    if len(counts_G) > groups:
        raise ValueError(f"group {groups_X.max()} of {groups}")
    return counts_G

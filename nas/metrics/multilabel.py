"""F1, precision and recall where a sample may have many classes, or none, and some are unknown.

Everything is read off counts of shape (..., K, 3): true positives, false positives and false
negatives of K classes. Counts of parts add up, and functions of them take any leading axes.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
Values = NDArray[np.float64]

NO_POSITIVE_THRESHOLD = 0.5
"""Threshold of a class that has no positive to choose it by."""


def counts_at(
    truth_NK: ArrayLike, known_NK: ArrayLike, scores_NK: ArrayLike, thresholds: ArrayLike
) -> Counts:
    """Counts (K, 3) over the known pairs: the sum of `pair_counts`."""
    total_K3: Counts = pair_counts(truth_NK, known_NK, scores_NK, thresholds).sum(axis=0)
    return total_K3


def pair_counts(
    truth_NK: ArrayLike, known_NK: ArrayLike, scores_NK: ArrayLike, thresholds: ArrayLike
) -> Counts:
    """Counts (N, K, 3) of each pair by itself, all 0 where it is not known.

    A class is present from its threshold upwards; one for all, one a class (K,) or one a pair
    (N, K). Raises ValueError for arrays of different shapes and for scores that are no numbers.
    """
    positive_NK, known_NK, scores_NK = _pairs(truth_NK, known_NK, scores_NK)
    called_NK = scores_NK >= np.asarray(thresholds, np.float64)
    cells = (positive_NK & called_NK, ~positive_NK & called_NK, positive_NK & ~called_NK)
    return np.stack([(cell_NK & known_NK).astype(np.int64) for cell_NK in cells], axis=-1)


def best_thresholds(truth_NK: ArrayLike, known_NK: ArrayLike, scores_NK: ArrayLike) -> Values:
    """Threshold (K,) of each class that gives it the highest F1 on the known pairs.

    It lies midway between the two scores that it parts, and midway to 0 below the lowest one. Of
    equally good ones the highest is taken; a class without a known positive gets 0.5.
    """
    positive_NK, known_NK, scores_NK = _pairs(truth_NK, known_NK, scores_NK)
    positive_NK = positive_NK & known_NK
    if not positive_NK.any():
        return np.full(scores_NK.shape[1], NO_POSITIVE_THRESHOLD)
    order_NK = np.lexsort((-scores_NK, ~known_NK), axis=0)  # falling, the unknown last
    falling_NK = np.take_along_axis(scores_NK, order_NK, axis=0)
    hits_NK = np.take_along_axis(positive_NK, order_NK, axis=0).cumsum(axis=0)
    called_N1 = np.arange(1, len(scores_NK) + 1)[:, None]
    known_K = known_NK.sum(axis=0)
    f1_NK = 2 * hits_NK / (called_N1 + positive_NK.sum(axis=0))
    below_NK = np.concatenate([falling_NK[1:], falling_NK[-1:]])
    below_NK = np.where(called_N1 == known_K, np.minimum(falling_NK, 0), below_NK)
    is_tie_NK = (falling_NK == below_NK) & (called_N1 < known_K)
    f1_NK[is_tie_NK] = -1  # the unknown only lower it: more called, no more hits
    best_1K = f1_NK.argmax(axis=0)[None]
    middle_1K = np.take_along_axis((falling_NK + below_NK) / 2, best_1K, axis=0)
    return np.where(positive_NK.any(axis=0), middle_1K[0], NO_POSITIVE_THRESHOLD)


def f1_of(counts: NDArray[np.number]) -> Values:
    """F1, shape (...): 2 TP / (2 TP + FP + FN), and 0 without positives or predictions."""
    hits, false, missed = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    return _ratio(2 * hits, 2 * hits + false + missed)


def macro_f1_of(counts: NDArray[np.number]) -> Values:
    """Mean F1, shape (...), of the classes that have a positive; 0 where none has.

    A class without positives has no F1 to speak of; sed_eval leaves it out of its mean alike.
    """
    positives = counts[..., 0] + counts[..., 2]
    present = positives > 0
    return _ratio((f1_of(counts) * present).sum(axis=-1), present.sum(axis=-1).astype(np.float64))


def micro_f1_of(counts: NDArray[np.number]) -> Values:
    """F1 of all classes' counts together, shape (...)."""
    return f1_of(counts.sum(axis=-2))


def precision_of(counts: NDArray[np.number]) -> Values:
    """Share of the predicted positives that are right, shape (...); 0 without any."""
    hits, false, _ = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    return _ratio(hits, hits + false)


def recall_of(counts: NDArray[np.number]) -> Values:
    """Share of the positives that were predicted, shape (...); 0 without any."""
    hits, _, missed = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    return _ratio(hits, hits + missed)


def _ratio(part: Values, whole: Values) -> Values:
    ratio: Values = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return ratio


def _pairs(
    truth_NK: ArrayLike, known_NK: ArrayLike, scores_NK: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Values]:
    positive, known = np.asarray(truth_NK, bool), np.asarray(known_NK, bool)
    scores = np.asarray(scores_NK, np.float64)
    if positive.ndim != 2 or not positive.shape == known.shape == scores.shape:
        raise ValueError(
            f"truth, known and scores of shapes {positive.shape}, {known.shape}, {scores.shape}"
        )
    if np.isnan(scores).any():
        raise ValueError(f"{np.isnan(scores).sum()} of {scores.size} scores are not numbers")
    return positive, known, scores

"""LWLRAP, label-weighted label-ranking average precision, the metric of RFCX on Kaggle.

Every positive pair of sample and class counts alike: its value is the share of positives among the
classes that the sample's scores rank at or above it (Fonseca et al. 2019, Audio tagging with
noisy labels and minimal supervision).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]


def lwlrap(truth_NK: ArrayLike, scores_NK: ArrayLike) -> float:
    """LWLRAP in 0..1, and 0 without positives; tied scores share the worst of their ranks.

    scikit-learn's `label_ranking_average_precision_score` over the samples that have a positive,
    weighted by how many they have.
    """
    return float(lwlrap_of(*ranking_precisions(truth_NK, scores_NK)))


def ranking_precisions(
    truth_NK: ArrayLike, scores_NK: ArrayLike
) -> tuple[Values, NDArray[np.int64]]:
    """Sum of the precisions at each sample's positives, and how many those are; both (N,).

    Raises ValueError for arrays of other or different shapes and for scores that are no numbers.
    """
    positive_NK, values_NK = np.asarray(truth_NK, bool), np.asarray(scores_NK, np.float64)
    if positive_NK.ndim != 2 or positive_NK.shape != values_NK.shape:
        raise ValueError(f"truth of shape {positive_NK.shape}, but scores of {values_NK.shape}")
    if np.isnan(values_NK).any():
        raise ValueError(f"{np.isnan(values_NK).sum()} of {values_NK.size} scores are not numbers")
    sample_P, class_P = np.nonzero(positive_NK)
    above_PK = values_NK[sample_P] >= values_NK[sample_P, class_P][:, None]
    precision_P = (above_PK & positive_NK[sample_P]).sum(axis=1) / above_PK.sum(axis=1)
    sums_N = np.zeros(len(positive_NK))
    np.add.at(sums_N, sample_P, precision_P)
    return sums_N, positive_NK.sum(axis=1)


def lwlrap_of(sums_N: NDArray[np.float64], positives_N: NDArray[np.integer]) -> Values:
    """LWLRAP, shape (...), from what `ranking_precisions` gives, summed over the last axis."""
    total = positives_N.sum(axis=-1)
    mean: Values = sums_N.sum(axis=-1) / np.maximum(total, 1)
    return mean

"""Accuracy and F1 of class predictions, all read off the confusion matrix.

Functions on matrices take any leading axes, so that a bootstrap measures its resamples at once.
K is the number of classes; `confusion_KK[i, j]` counts samples of class i predicted as class j.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Confusion = NDArray[np.int64]
Values = NDArray[np.float64]


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, num_classes: int) -> Confusion:
    """Counts, shape (K, K): rows are true classes, columns predicted ones.

    Raises ValueError for arrays of different length or classes outside of 0..K-1.
    """
    labels_N = class_numbers(labels, num_classes, "labels")
    predictions_N = class_numbers(predictions, num_classes, "predictions")
    if labels_N.shape != predictions_N.shape:
        raise ValueError(f"{labels_N.size} labels, but {predictions_N.size} predictions")
    cells = labels_N * num_classes + predictions_N
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class_f1_of(confusion_KK: NDArray[np.integer]) -> Values:
    """F1 of each class, shape (..., K): 2 TP / (2 TP + FP + FN), and 0 for a class never met."""
    hits = np.diagonal(confusion_KK, axis1=-2, axis2=-1)
    return f1_of_counts(hits, confusion_KK.sum(axis=-1) + confusion_KK.sum(axis=-2))


def f1_of_counts(hits: NDArray[Any], met: NDArray[Any]) -> Values:
    """F1 from right predictions, and samples and predictions together; 0 for a class never met."""
    f1: Values = np.divide(2.0 * hits, met, out=np.zeros(hits.shape), where=met > 0)
    return f1


def macro_f1_of(confusion_KK: NDArray[np.integer]) -> Values:
    """Mean of all classes' F1, shape (...)."""
    mean: Values = per_class_f1_of(confusion_KK).mean(axis=-1)
    return mean


def accuracy_of(confusion_KK: NDArray[np.integer]) -> Values:
    """Share of samples on the diagonal, shape (...); 0 without samples."""
    hits: Values = np.trace(confusion_KK, axis1=-2, axis2=-1).astype(np.float64)
    shares: Values = hits / np.maximum(confusion_KK.sum(axis=(-2, -1)), 1)
    return shares


def per_class_f1(labels: ArrayLike, predictions: ArrayLike, num_classes: int) -> Values:
    """F1 of each class, shape (K,): scikit-learn's `f1_score(average=None, zero_division=0)`."""
    return per_class_f1_of(confusion_matrix(labels, predictions, num_classes))


def macro_f1(labels: ArrayLike, predictions: ArrayLike, num_classes: int) -> float:
    """Mean F1 of all classes: scikit-learn's `f1_score(average="macro", zero_division=0)`."""
    return float(macro_f1_of(confusion_matrix(labels, predictions, num_classes)))


def accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """Share of predictions that equal their label; 0 without samples."""
    labels_N, predictions_N = np.asarray(labels), np.asarray(predictions)
    if labels_N.shape != predictions_N.shape:
        raise ValueError(f"{labels_N.size} labels, but {predictions_N.size} predictions")
    return float((labels_N == predictions_N).mean()) if labels_N.size else 0.0


def class_numbers(values: ArrayLike, num_classes: int, what: str) -> NDArray[np.int64]:
    """One list of integers in 0..K-1. Raises ValueError, naming `what`, for anything else."""
    numbers = np.asarray(values)
    if numbers.ndim != 1:
        raise ValueError(
            f"{what} must be one list of class numbers, but have shape {numbers.shape}"
        )
    if numbers.size == 0:
        return np.zeros(0, np.int64)
    if not np.issubdtype(numbers.dtype, np.integer):
        raise ValueError(f"{what} must be integers, but are {numbers.dtype}")
    if numbers.min() < 0 or numbers.max() >= num_classes:
        raise ValueError(
            f"{what} must lie in 0..{num_classes - 1}, but reach {numbers.min()}..{numbers.max()}"
        )
    return numbers.astype(np.int64)

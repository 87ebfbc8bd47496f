"""Which class is taken for which: only pairs that occur, so that classes may be many thousands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.metrics.f1 import class_numbers, f1_of_counts

Counts = NDArray[np.int64]

MATRIX_CLASSES = 256
"""Most classes whose pairs are written as a whole matrix."""


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of P pairs of a true and a predicted class out of K, sorted, none of them 0."""

    num_classes: int
    true_P: Counts
    predicted_P: Counts
    counts_P: Counts

    @classmethod
    def of(cls, labels: ArrayLike, predictions: ArrayLike, num_classes: int) -> Self:
        """Of a label and a prediction a sample.

        Raises ValueError for arrays of different length or classes outside of 0..K-1.
        """
        labels_N = class_numbers(labels, num_classes, "labels")
        predictions_N = class_numbers(predictions, num_classes, "predictions")
        if labels_N.shape != predictions_N.shape:
            raise ValueError(f"{labels_N.size} labels, but {predictions_N.size} predictions")
        cells, counts = np.unique(labels_N * num_classes + predictions_N, return_counts=True)
        return cls(num_classes, cells // num_classes, cells % num_classes, counts)

    @classmethod
    def of_matrix(cls, matrix_KK: ArrayLike) -> Self:
        """Of a matrix whose rows are true classes, its columns predicted ones."""
        counts_KK = np.asarray(matrix_KK, dtype=np.int64)
        if counts_KK.ndim != 2 or len(counts_KK) != counts_KK.shape[1] or (counts_KK < 0).any():
            raise ValueError(f"no matrix of counts: shape {counts_KK.shape}")
        true_P, predicted_P = np.nonzero(counts_KK)
        return cls(len(counts_KK), true_P, predicted_P, counts_KK[true_P, predicted_P])

    @classmethod
    def of_json(cls, values: Mapping[str, Any], num_classes: int) -> Self:
        """What `as_json` gave, or a matrix of any size. Raises ValueError for anything else."""
        if "confusion" in values:
            found = cls.of_matrix(values["confusion"])
        else:
            cells_P3 = np.asarray(values["confusion_pairs"], dtype=np.int64).reshape(-1, 3)
            if cells_P3.size and (cells_P3.min() < 0 or cells_P3[:, :2].max() >= num_classes):
                raise ValueError(f"pairs of classes outside of 0..{num_classes - 1}")
            found = cls(num_classes, *cells_P3[np.lexsort(cells_P3.T[::-1])].T)
        if found.num_classes != num_classes:
            raise ValueError(f"a matrix of {found.num_classes} classes for {num_classes}")
        return found

    def as_json(self) -> dict[str, Any]:
        """The matrix as `confusion`; of more than 256 classes [true, predicted, count] by pair."""
        if self.num_classes <= MATRIX_CLASSES:
            return {"confusion": self.matrix().tolist()}
        cells_P3 = np.stack([self.true_P, self.predicted_P, self.counts_P], axis=1)
        return {"confusion_pairs": cells_P3.tolist()}

    def matrix(self) -> Counts:
        """The matrix (K, K), rows true and columns predicted."""
        matrix_KK = np.zeros((self.num_classes, self.num_classes), np.int64)
        matrix_KK[self.true_P, self.predicted_P] = self.counts_P
        return matrix_KK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Confusion) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[int, bytes]:
        return self.num_classes, b"".join(
            part.astype(np.int64).tobytes()
            for part in (self.true_P, self.predicted_P, self.counts_P)
        )

    @property
    def samples(self) -> int:
        """All that were counted."""
        return int(self.counts_P.sum())

    @property
    def samples_K(self) -> Counts:
        """Samples of each class."""
        return self.summed(self.true_P)

    @property
    def predicted_K(self) -> Counts:
        """Predictions of each class."""
        return self.summed(self.predicted_P)

    @property
    def hits_K(self) -> Counts:
        """Right predictions of each class."""
        return self.summed(self.true_P, self.counts_P * (self.true_P == self.predicted_P))

    @property
    def f1_K(self) -> NDArray[np.float64]:
        """F1 of each class."""
        return f1_of_counts(self.hits_K, self.samples_K + self.predicted_K)

    @property
    def accuracy(self) -> float:
        """Share of right predictions; 0 without samples."""
        return float(self.hits_K.sum() / max(self.samples, 1))

    def summed(self, classes_P: Counts, weights_P: NDArray[Any] | None = None) -> Counts:
        """The weights of pairs, else their counts, added up by class."""
        weights = self.counts_P if weights_P is None else weights_P
        sums_K = np.bincount(classes_P, weights, minlength=self.num_classes)
        return sums_K if weights.dtype.kind == "f" else sums_K.astype(np.int64)

"""What a classifier says of the samples of a split: of images, or of studies of several images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Samples:
    """Probabilities and labels of S samples, K classes."""

    probabilities_SK: NDArray[np.float64]
    labels_S: NDArray[np.int64]
    patient_S: NDArray[np.int64]
    """Number of the patient of each, from 0."""

    @property
    def patients(self) -> int:
        """How many there are."""
        return int(self.patient_S.max()) + 1 if len(self.patient_S) else 0

    @classmethod
    def of_images(
        cls,
        probabilities_NK: NDArray[np.float64],
        labels_N: NDArray[np.int64],
        patients: Sequence[str],
    ) -> Self:
        """Each image by itself."""
        return cls(probabilities_NK, labels_N, numbered(patients))

    @classmethod
    def of_studies(
        cls,
        probabilities_NK: NDArray[np.float64],
        labels_N: NDArray[np.int64],
        patients: Sequence[str],
        studies: Sequence[str],
    ) -> Self:
        """Each study by the mean probabilities of its images, which share label and patient."""
        study_N = numbered(studies)
        first_S = np.unique(study_N, return_index=True)[1]
        images_S1 = np.bincount(study_N)[:, None]
        sums_SK = np.zeros((len(first_S), probabilities_NK.shape[1]))
        np.add.at(sums_SK, study_N, probabilities_NK)
        patient_N = np.asarray(patients)
        return cls(sums_SK / images_S1, labels_N[first_S], numbered(patient_N[first_S].tolist()))


def numbered(names: Sequence[str]) -> NDArray[np.int64]:
    """The number of each name, from 0, in the order in which they first come."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)

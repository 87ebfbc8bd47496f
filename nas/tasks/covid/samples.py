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
    patient_names: tuple[str, ...]
    """By that number."""

    @property
    def patients(self) -> int:
        """How many there are."""
        return len(self.patient_names)

    @classmethod
    def of_images(
        cls,
        probabilities_NK: NDArray[np.float64],
        labels_N: NDArray[np.int64],
        patients: Sequence[str],
    ) -> Self:
        """Each image by itself."""
        return cls(probabilities_NK, labels_N, numbered(patients), _names(patients))

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
        named = patient_N[first_S].tolist()
        return cls(sums_SK / images_S1, labels_N[first_S], numbered(named), _names(named))

    @classmethod
    def joined(cls, parts: Sequence["Samples"]) -> Self:
        """The samples of several splits as one; they must share no patient."""
        names = tuple(name for part in parts for name in part.patient_names)
        if len(set(names)) < len(names):
            raise ValueError("a patient is in two of the splits")
        starts = np.cumsum([0, *(part.patients for part in parts)])
        numbers = [part.patient_S + start for part, start in zip(parts, starts, strict=False)]
        return cls(
            np.concatenate([part.probabilities_SK for part in parts]),
            np.concatenate([part.labels_S for part in parts]),
            np.concatenate(numbers),
            names,
        )


def numbered(names: Sequence[str]) -> NDArray[np.int64]:
    """The number of each name, from 0, in the order in which they first come."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def _names(names: Sequence[str]) -> tuple[str, ...]:
    """Each name once, in the order of their numbers."""
    return tuple(dict.fromkeys(names))

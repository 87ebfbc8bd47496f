"""The score from which a box counts, without what it gains on the patients it is chosen on."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from nas.metrics.detection_f1 import best_threshold, counts_at
from nas.metrics.multilabel import Counts
from nas.tasks.covid.curves import Curve

FOLDS = 5

ThresholdSource = Literal["given", "given by image", "other patients", "same patient"]


@dataclass(frozen=True, eq=False)
class ScoreThreshold:
    """A threshold to keep, and those that each patient is counted with."""

    kept: float
    used_G: NDArray[np.float64]
    source: ThresholdSource
    """What those in use were chosen on."""

    @classmethod
    def chosen(cls, curve: Curve, given: float | None) -> Self:
        """The given one for all, or the best: to keep, on all; in use, on other patients' boxes.

        Patient g is of fold g modulo 5 (of fewer than 5 patients each is one), and is counted with
        the threshold that is best on the other folds. A lone patient has no others.
        """
        patients = len(curve.positives_G)
        if given is not None:
            return cls(given, np.full(patients, given), "given")
        kept = _best(curve, np.ones(patients, bool))
        folds = min(FOLDS, patients)
        if folds == 1:
            return cls(kept, np.array([kept]), "same patient")
        fold_G = np.arange(patients) % folds
        fitted_F = np.array([_best(curve, fold_G != fold) for fold in range(folds)])
        return cls(kept, fitted_F[fold_G], "other patients")

    @classmethod
    def of_images(cls, given_N: NDArray[np.float64], patient_N: NDArray[np.int64]) -> Self:
        """Thresholds given for each image, those of a patient's images being the same.

        Raises ValueError where they are not.
        """
        used_G = given_N[np.unique(patient_N, return_index=True)[1]]
        if not np.array_equal(used_G[patient_N], given_N):
            raise ValueError("images of one patient have several thresholds")
        return cls(float(given_N.mean()), used_G, "given by image")

    def patient_counts(self, curve: Curve) -> Counts:
        """Hits, false alarms and misses of each patient at its threshold, (G, 3)."""
        parts = curve.scores_P, curve.hits_P, curve.patient_P, curve.positives_G
        counts_G3 = np.zeros((len(self.used_G), 3), np.int64)
        for threshold in np.unique(self.used_G):
            chosen_G = self.used_G == threshold
            counts_G3[chosen_G] = counts_at(*parts, threshold)[chosen_G]
        return counts_G3


def _best(curve: Curve, patients_G: NDArray[np.bool_]) -> float:
    chosen_P = patients_G[curve.patient_P]
    positives = int(curve.positives_G[patients_G].sum())
    return best_threshold(curve.scores_P[chosen_P], curve.hits_P[chosen_P], positives)

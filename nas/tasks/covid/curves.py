"""Scored predictions by patient: what average precisions and their intervals are read off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from nas.metrics.average_precision import average_precision, average_precision_draws
from nas.metrics.boxes import Matches
from nas.metrics.defined_interval import Interval, defined_interval, mean_of_defined
from nas.metrics.detection_f1 import best_threshold, counts_at
from nas.metrics.multilabel import Counts


@dataclass(frozen=True, eq=False)
class Curve:
    """P predictions of one class, each a hit or a false alarm, in G patients."""

    scores_P: NDArray[np.float64]
    hits_P: NDArray[np.bool_]
    patient_P: NDArray[np.int64]
    positives_G: NDArray[np.int64]
    """How many there are to find in each patient."""

    @classmethod
    def of_matches(cls, matches: Matches, patient_N: NDArray[np.int64]) -> Self:
        """The boxes found in images; `patient_N` is the patient of each image."""
        positives_G = np.bincount(patient_N, weights=matches.positives_G).astype(np.int64)
        return cls(matches.scores_P, matches.hits_P, patient_N[matches.image_P], positives_G)

    @classmethod
    def of_images(
        cls,
        scores_N: NDArray[np.float64],
        positive_N: NDArray[np.bool_],
        patient_N: NDArray[np.int64],
    ) -> Self:
        """One prediction an image."""
        patients = int(patient_N.max()) + 1 if len(patient_N) else 0
        positives_G = np.bincount(patient_N[positive_N], minlength=patients)
        return cls(scores_N, positive_N, patient_N, positives_G)

    @property
    def average_precision(self) -> float | None:
        """PASCAL VOC 2010's; None where there is nothing to find."""
        return average_precision(self.scores_P, self.hits_P, int(self.positives_G.sum()))

    def draws(self, draws_RG: NDArray[np.int64]) -> NDArray[np.float64]:
        """Average precision (R,) with each patient as often as it is drawn."""
        parts = self.scores_P, self.hits_P, self.patient_P, self.positives_G
        return average_precision_draws(draws_RG, *parts)


def mean_precision(curves: Sequence[Curve]) -> float | None:
    """Mean average precision of the classes that have something to find; None without one."""
    known = [value for curve in curves if (value := curve.average_precision) is not None]
    return sum(known) / len(known) if known else None


def mean_precision_interval(curves: Sequence[Curve]) -> Interval | None:
    """95 % interval of `mean_precision` over draws of patients, who are those of every curve."""

    def of_draws(draws_RG: NDArray[np.int64]) -> NDArray[np.float64]:
        return mean_of_defined(np.stack([curve.draws(draws_RG) for curve in curves]))

    return defined_interval(of_draws, len(curves[0].positives_G))


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

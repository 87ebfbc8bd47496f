"""Precision-recall curves by patient, with their average precision and its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nas.metrics.average_precision import average_precision, average_precision_draws
from nas.metrics.boxes import Matches
from nas.metrics.cross_fit import ChosenThresholds
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
    """Positives of each patient."""

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
        """One prediction per image."""
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


def chosen_threshold(curve: Curve, given: float | None) -> ChosenThresholds:
    """The given one for all patients, or the best: on all, and on other patients' boxes."""
    patients = len(curve.positives_G)
    if given is not None:
        return ChosenThresholds.given(np.array([given]), patients)

    def best(chosen_G: NDArray[np.bool_]) -> NDArray[np.float64]:
        chosen_P = chosen_G[curve.patient_P]
        positives = int(curve.positives_G[chosen_G].sum())
        found = best_threshold(curve.scores_P[chosen_P], curve.hits_P[chosen_P], positives)
        return np.array([found])

    return ChosenThresholds.cross_fitted(best, patients)


def thresholds_of_images(
    given_N: NDArray[np.float64], patient_N: NDArray[np.int64]
) -> ChosenThresholds:
    """Thresholds given for each image, those of a patient's images being the same.

    Raises ValueError where they are not.
    """
    used_G = given_N[np.unique(patient_N, return_index=True)[1]]
    if not np.array_equal(used_G[patient_N], given_N):
        raise ValueError("images of one patient have several thresholds")
    return ChosenThresholds(np.array([given_N.mean()]), used_G[:, None], "given by group")


def patient_counts(chosen: ChosenThresholds, curve: Curve) -> Counts:
    """Hits, false alarms and misses of each patient at its threshold, (G, 3)."""
    parts = curve.scores_P, curve.hits_P, curve.patient_P, curve.positives_G
    used_G = chosen.used_GK[:, 0]
    counts_G3 = np.zeros((len(used_G), 3), np.int64)
    for threshold in np.unique(used_G):
        chosen_G = used_G == threshold
        counts_G3[chosen_G] = counts_at(*parts, threshold)[chosen_G]
    return counts_G3

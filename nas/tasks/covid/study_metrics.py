"""Metrics of a classifier of studies, or of images, from its probabilities.

S samples (studies or images), K classes, G patients.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nas.metrics.confusion import Confusion
from nas.metrics.defined_interval import Interval, defined_interval, mean_of_defined
from nas.metrics.f1 import accuracy_of, confusion_matrix
from nas.metrics.group_bootstrap import drawn, group_interval, group_macro_f1_sd
from nas.metrics.multilabel import Counts, f1_of, macro_f1_of
from nas.metrics.roc import auc, auc_draws
from nas.tasks.base import ConfusionMatrix, Metrics
from nas.tasks.covid.curves import Curve, mean_precision, mean_precision_interval
from nas.tasks.image.metrics import class_table
from nas.text_table import aligned, figure_table, interval_text, metric_text

_FIGURES = {"mean_auc": "mean AUC", "voc_map": "mean AP (VOC 2010)"}


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
    """Number of each name, from 0, in the order of first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def _names(names: Sequence[str]) -> tuple[str, ...]:
    """Each name once, in the order of their numbers."""
    return tuple(dict.fromkeys(names))


Values = dict[str, float | None]


@dataclass(frozen=True)
class StudyMetrics(Metrics):
    """Macro-F1 and further metrics. Each NAME_ci95 is a 95 % interval over draws of patients."""

    macro_f1: float
    """Mean F1 of the classes that the split has."""
    macro_f1_ci95: Interval
    macro_f1_sd: float
    """Its standard deviation over other patients, as many."""
    accuracy: float
    """Share of correct predictions."""
    voc_map: float | None
    """Mean over the classes of the average precision (PASCAL VOC 2010) of their probabilities."""
    voc_map_ci95: Interval | None
    mean_auc: float | None
    """Mean over the classes of the area under the ROC curve, each against the rest."""
    mean_auc_ci95: Interval | None
    per_class_f1: dict[str, float]
    """F1 by class name, in the order of the network's outputs; 0 for a class never met."""
    per_class_ap: Values
    """Average precision by class; null for a class that the split lacks."""
    per_class_ap_ci95: dict[str, Interval | None]
    per_class_auc: Values
    """Area under the ROC curve by class; null for a class that the split lacks."""
    confusion: tuple[tuple[int, ...], ...]
    """`confusion[i][j]` samples of class i were predicted as class j."""
    patients: int

    @classmethod
    def from_samples(cls, samples: Samples, classes: Sequence[str]) -> Self:
        """The metrics of a split's samples. Raises ValueError for none."""
        if not len(samples.labels_S):
            raise ValueError("no samples to measure")
        predicted_S = samples.probabilities_SK.argmax(axis=1)
        confusion_KK = confusion_matrix(samples.labels_S, predicted_S, len(classes))
        counts_GK3 = _patient_counts(samples, predicted_S)
        counts_K3 = counts_GK3.sum(axis=0)
        patients = len(counts_GK3)
        curves = [_curve(samples, k) for k in range(len(classes))]
        areas = [auc(curve.scores_P, curve.hits_P) for curve in curves]
        per_class_auc = dict(zip(classes, areas, strict=True))
        return cls(
            macro_f1=float(macro_f1_of(counts_K3)),
            macro_f1_ci95=group_interval(drawn(macro_f1_of, counts_GK3), patients),
            macro_f1_sd=group_macro_f1_sd(counts_GK3),
            accuracy=float(accuracy_of(confusion_KK)),
            voc_map=mean_precision(curves),
            voc_map_ci95=mean_precision_interval(curves),
            mean_auc=_mean(per_class_auc),
            mean_auc_ci95=_mean_auc_interval(samples),
            per_class_f1=dict(zip(classes, f1_of(counts_K3).tolist(), strict=True)),
            per_class_ap=dict(
                zip(classes, (curve.average_precision for curve in curves), strict=True)
            ),
            per_class_ap_ci95=dict(
                zip(classes, (mean_precision_interval([curve]) for curve in curves), strict=True)
            ),
            per_class_auc=per_class_auc,
            confusion=tuple(tuple(row) for row in confusion_KK.tolist()),
            patients=patients,
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The metrics that `as_json` wrote."""
        known = {name: values[name] for name in values if name != "samples"}
        for name, value in known.items():
            if name.endswith("_ci95"):
                known[name] = (
                    {key: _interval(bounds) for key, bounds in value.items()}
                    if isinstance(value, dict)
                    else _interval(value)
                )
        return cls(**{**known, "confusion": tuple(map(tuple, known["confusion"]))})

    @property
    def primary(self) -> float:
        return self.macro_f1

    @property
    def primary_sd(self) -> float:
        return self.macro_f1_sd

    def as_json(self) -> dict[str, Any]:
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
        rows = [list(row) for row in self.confusion]
        return {**plain, "samples": sum(map(sum, rows)), "confusion": rows}

    def lines(self) -> list[str]:
        return _lines(self)

    def confusion_matrix(self) -> ConfusionMatrix:
        return Confusion.of_matrix(self.confusion), tuple(self.per_class_f1)

    def with_intervals(self) -> dict[str, Any]:
        return self.as_json()


def _interval(bounds: Sequence[float] | None) -> Interval | None:
    """As JSON has it, back."""
    if bounds is None:
        return None
    low, high = bounds
    return low, high


def _patient_counts(samples: Samples, predicted_S: NDArray[np.int64]) -> Counts:
    """Hits, false alarms and misses of each class in each patient, (G, K, 3)."""
    classes = samples.probabilities_SK.shape[1]
    counts_GK3 = np.zeros((samples.patients, classes, 3), np.int64)
    right_S = predicted_S == samples.labels_S
    for cell, chosen_S, class_S in (
        (0, right_S, samples.labels_S),
        (1, ~right_S, predicted_S),
        (2, ~right_S, samples.labels_S),
    ):
        np.add.at(counts_GK3[..., cell], (samples.patient_S[chosen_S], class_S[chosen_S]), 1)
    return counts_GK3


def _curve(samples: Samples, k: int) -> Curve:
    """The samples as predictions of class k."""
    return Curve.of_images(samples.probabilities_SK[:, k], samples.labels_S == k, samples.patient_S)


def _mean(values: Values) -> float | None:
    known = [value for value in values.values() if value is not None]
    return sum(known) / len(known) if known else None


def _mean_auc_interval(samples: Samples) -> Interval | None:
    """Of the mean over the classes, those left out of a draw that it lacks."""

    def of_draws(draws_RG: NDArray[np.int64]) -> NDArray[np.float64]:
        scores_KS, labels_S = samples.probabilities_SK.T, samples.labels_S
        areas_KR = [
            auc_draws(draws_RG, scores_S, labels_S == k, samples.patient_S)
            for k, scores_S in enumerate(scores_KS)
        ]
        return mean_of_defined(np.stack(areas_KR))

    return defined_interval(of_draws, samples.patients)


def _lines(metrics: StudyMetrics) -> list[str]:
    """A line a class, then what is measured of all; a dash where nothing can be said."""
    classes = tuple(metrics.per_class_f1)
    rows = [("class", "AUC", "AP", "95 % interval")]
    rows += [
        (
            name,
            metric_text(metrics.per_class_auc[name]),
            metric_text(metrics.per_class_ap[name]),
            interval_text(metrics.per_class_ap_ci95[name]),
        )
        for name in classes
    ]
    return [
        *class_table(Confusion.of_matrix(metrics.confusion), classes),
        "",
        *aligned(rows, left=(0, 3)),
        "",
        *figure_table(metrics.with_intervals(), _FIGURES),
        "",
        f"{sum(map(sum, metrics.confusion))} samples of {patients_text(metrics.patients)}",
    ]


def patients_text(patients: int) -> str:
    """`1 patient`, `7 patients`."""
    return "1 patient" if patients == 1 else f"{patients} patients"

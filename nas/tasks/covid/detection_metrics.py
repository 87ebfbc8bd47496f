"""Metrics of a detector of opacities.

N images, P boxes found in them, G patients.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nas.data.xray.dataset import XRAY_CLASSES
from nas.metrics.boxes import match_images
from nas.metrics.cross_fit import ChosenOn
from nas.metrics.defined_interval import Interval
from nas.metrics.group_bootstrap import drawn, group_interval, group_macro_f1_sd
from nas.metrics.multilabel import f1_of, precision_of, recall_of
from nas.tasks.base import Metrics
from nas.tasks.covid.curves import (
    Curve,
    chosen_threshold,
    mean_precision,
    mean_precision_interval,
    patient_counts,
    thresholds_of_images,
)
from nas.tasks.covid.detections import Detections
from nas.tasks.covid.study_metrics import numbered, patients_text
from nas.tasks.covid.suppression import none_confidence
from nas.text_table import aligned, figure_table, metric_text

(OPACITY,) = XRAY_CLASSES["boxes"]

_FIGURES = {
    "map_50": "mAP@0.5 of opacity and none",
    "ap_opacity": "AP@0.5 of opacity",
    "ap_none": "AP of none",
}
ThresholdSource = Literal["given", "given by image", "other patients", "same patient"]
_SOURCES: dict[ChosenOn, ThresholdSource] = {
    "given": "given",
    "given by group": "given by image",
    "other groups": "other patients",
    "same group": "same patient",
}
_COUNTED: dict[ThresholdSource, str] = {
    "given": "threshold {threshold}, chosen on the validation split",
    "given by image": "thresholds of each network's own validation split, {threshold} on average",
    "other patients": (
        "threshold {threshold} is the best on all of these; each patient is counted with that of "
        "the others"
    ),
    "same patient": "threshold {threshold} is the best on this very patient: F1 is too high",
}


@dataclass(frozen=True)
class DetectionMetrics(Metrics):
    """F1 of boxes at IoU 0.5, and further metrics.

    Where the threshold is chosen on the split itself, F1, precision and recall are cross-fitted:
    each patient is counted with the threshold that is best on the other folds' patients. Average
    precisions need no threshold. Each NAME_ci95 is a 95 % interval over draws of patients, the
    thresholds held.
    """

    f1_50: float
    """2 TP / (2 TP + FP + FN) of the boxes at the threshold, over all images together."""
    f1_50_ci95: Interval
    f1_50_sd: float
    """Its standard deviation over other patients, as many."""
    precision_50: float
    recall_50: float
    map_50: float | None
    """Mean of the two average precisions (PASCAL VOC 2010, IoU above 0.5)."""
    map_50_ci95: Interval | None
    ap_opacity: float | None
    """Of the boxes of opacities; null where no image has one."""
    ap_opacity_ci95: Interval | None
    ap_none: float | None
    """Of images without an opacity, by 1 - the highest score of a box; null where all have one."""
    ap_none_ci95: Interval | None
    counts: tuple[int, int, int]
    """Boxes that hit, false alarms, and opacities that were missed, at the threshold."""
    threshold: float
    """Score from which a box counts: the one given, of several their mean, or the best on all of
    the images."""
    threshold_from: ThresholdSource
    """On what the thresholds of each patient were chosen."""
    images: int
    patients: int

    @classmethod
    def from_detections(
        cls,
        found: Sequence[Detections],
        truths: Sequence[NDArray[np.floating]],
        patients: Sequence[str],
        threshold: float | NDArray[np.float64] | None = None,
    ) -> Self:
        """Metrics of images with one threshold, or one for each image, the same for a patient's.

        Without a threshold the best one is chosen.

        Raises ValueError for no images.
        """
        if not found:
            raise ValueError("no images to measure")
        patient_N = numbered(patients)
        boxes, scores = [item.boxes_B4 for item in found], [item.scores_B for item in found]
        opacity = Curve.of_matches(match_images(boxes, scores, truths), patient_N)
        none = _none_curve(found, truths, patient_N)
        if isinstance(threshold, np.ndarray):
            chosen = thresholds_of_images(threshold, patient_N)
        else:
            chosen = chosen_threshold(opacity, threshold)
        counts_G3 = patient_counts(chosen, opacity)
        counts_3 = counts_G3.sum(axis=0)
        hits, false, missed = counts_3.tolist()
        return cls(
            f1_50=float(f1_of(counts_3)),
            f1_50_ci95=group_interval(drawn(f1_of, counts_G3), len(counts_G3)),
            f1_50_sd=group_macro_f1_sd(counts_G3[:, None]),
            precision_50=float(precision_of(counts_3)),
            recall_50=float(recall_of(counts_3)),
            map_50=mean_precision([opacity, none]),
            map_50_ci95=mean_precision_interval([opacity, none]),
            ap_opacity=opacity.average_precision,
            ap_opacity_ci95=mean_precision_interval([opacity]),
            ap_none=none.average_precision,
            ap_none_ci95=mean_precision_interval([none]),
            counts=(hits, false, missed),
            threshold=float(chosen.kept_K[0]),
            threshold_from=_SOURCES[chosen.source],
            images=len(found),
            patients=len(counts_G3),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The metrics that `as_json` wrote."""
        tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **tuples})

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold to keep, under the name of its class."""
        return {OPACITY: self.threshold}

    @property
    def primary(self) -> float:
        return self.f1_50

    @property
    def primary_sd(self) -> float:
        return self.f1_50_sd

    def as_json(self) -> dict[str, Any]:
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def lines(self) -> list[str]:
        return _lines(self)

    def with_intervals(self) -> dict[str, Any]:
        return self.as_json()


def _none_curve(
    found: Sequence[Detections],
    truths: Sequence[NDArray[np.floating]],
    patient_N: NDArray[np.int64],
) -> Curve:
    """Images as predictions of `none`, right where there is no opacity."""
    none_N = np.array([none_confidence(float(item.scores_B.max(initial=0))) for item in found])
    empty_N = np.array([len(boxes_B4) == 0 for boxes_B4 in truths])
    return Curve.of_images(none_N, empty_N, patient_N)


def _lines(metrics: DetectionMetrics) -> list[str]:
    """Boxes that hit and that don't, then the average precisions."""
    hits, false, missed = metrics.counts
    rows = [
        ("opacities", "hits", "false alarms", "precision", "recall"),
        (
            str(hits + missed),
            str(hits),
            str(false),
            metric_text(metrics.precision_50),
            metric_text(metrics.recall_50),
        ),
    ]
    counted = _COUNTED[metrics.threshold_from].format(threshold=f"{metrics.threshold:.3f}")
    return [
        *aligned(rows, left=()),
        "",
        *figure_table(metrics.with_intervals(), _FIGURES),
        "",
        f"{metrics.images} images of {patients_text(metrics.patients)}; {counted}",
    ]

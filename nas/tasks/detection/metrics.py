"""Metrics of a detector of any number of classes. N pictures, K classes, G groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nas.data.image.box_set import BoxSet
from nas.errors import NasError
from nas.metrics.boxes import match_images
from nas.metrics.cross_fit import ChosenOn, ChosenThresholds
from nas.metrics.defined_interval import Interval
from nas.metrics.detection_f1 import best_threshold
from nas.metrics.group_bootstrap import drawn, group_interval, group_macro_f1_sd
from nas.metrics.multilabel import f1_of, macro_f1_of
from nas.tasks.base import Metrics
from nas.tasks.covid.curves import Curve, mean_precision, mean_precision_interval, patient_counts
from nas.tasks.covid.detections import Detections
from nas.text_table import aligned, figure_table, metric_text, share_text, shown_classes

ThresholdSource = Literal["given", "other pictures", "same picture"]
_SOURCES: dict[ChosenOn, ThresholdSource] = {
    "given": "given",
    "other groups": "other pictures",
    "same group": "same picture",
}
_COUNTED: dict[ThresholdSource, str] = {
    "given": "thresholds of the validation split",
    "other pictures": (
        "thresholds are the best on all of these; each picture is counted with those of the others"
    ),
    "same picture": "thresholds are the best on these very pictures, so that every F1 is too high",
}
_HEADS = ("class", "boxes", "threshold", "precision", "recall", "F1", "AP@0.5")


@dataclass(frozen=True)
class BoxMetrics(Metrics):
    """F1 of boxes at IoU 0.5, the mean of the classes, and average precisions.

    Where thresholds are chosen on the split itself, F1 and counts are cross-fitted: each picture is
    counted with the thresholds that are best on the other folds' pictures (by whole groups). Each
    NAME_ci95 is a 95 % interval over draws of groups, the thresholds held.
    """

    f1_50: float
    """Mean F1 of the classes that have a box: 2 TP / (2 TP + FP + FN)."""
    f1_50_ci95: Interval
    f1_50_sd: float
    """Its standard deviation over other groups of pictures, as many."""
    map_50: float | None
    """Mean average precision of the classes with a box (PASCAL VOC 2010, IoU above 0.5)."""
    map_50_ci95: Interval | None
    per_class_f1: dict[str, float | None]
    """F1 by class; null without a box."""
    ap_50: dict[str, float | None]
    """Average precision by class; null without a box."""
    counts: dict[str, tuple[int, int, int]]
    """Boxes that hit, false alarms, and boxes that were missed, by class."""
    thresholds: dict[str, float]
    """Score from which a box counts, by class."""
    thresholds_from: ThresholdSource
    pictures: int

    @classmethod
    def from_detections(
        cls,
        found: Sequence[Detections],
        pictures: BoxSet,
        thresholds: Mapping[str, float] | None = None,
    ) -> Self:
        """Metrics of a split; without `thresholds` (none, or empty) the best are chosen.

        Raises ValueError for no pictures.
        """
        if not found:
            raise ValueError("no pictures to measure")
        classes = pictures.classes
        group_N = np.unique(np.array(pictures.groups), return_inverse=True)[1].astype(np.int64)
        curves = [_curve(found, pictures, k, group_N) for k in range(len(classes))]
        chosen = _chosen(curves, classes, thresholds)
        counts_GK3 = np.stack([_counts(chosen, curve, k) for k, curve in enumerate(curves)], axis=1)
        counts_K3 = counts_GK3.sum(axis=0)
        rows = zip(classes, f1_of(counts_K3).tolist(), counts_K3.tolist(), strict=True)
        return cls(
            f1_50=float(macro_f1_of(counts_K3)),
            f1_50_ci95=group_interval(drawn(macro_f1_of, counts_GK3), len(counts_GK3)),
            f1_50_sd=group_macro_f1_sd(counts_GK3),
            map_50=mean_precision(curves),
            map_50_ci95=mean_precision_interval(curves),
            per_class_f1={name: f1 if hit + lost else None for name, f1, (hit, _, lost) in rows},
            ap_50={
                name: curve.average_precision for name, curve in zip(classes, curves, strict=True)
            },
            counts=dict(zip(classes, map(tuple, counts_K3.tolist()), strict=True)),
            thresholds=dict(zip(classes, chosen.kept_K.tolist(), strict=True)),
            thresholds_from=_SOURCES[chosen.source],
            pictures=len(found),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The metrics that `as_json` wrote."""
        tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        counts = {name: tuple(three) for name, three in values["counts"].items()}
        return cls(**{**values, **tuples, "counts": counts})

    @property
    def primary(self) -> float:
        return self.f1_50

    @property
    def primary_sd(self) -> float:
        return self.f1_50_sd

    def as_json(self) -> dict[str, Any]:
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
        }
        return {**plain, "counts": {name: list(three) for name, three in self.counts.items()}}

    def with_intervals(self) -> dict[str, Any]:
        return self.as_json()

    def lines(self) -> list[str]:
        """A line a class, of many classes those with the lowest F1; then mAP."""
        names = list(self.counts)
        shown, more = shown_classes([self.per_class_f1[name] or 0.0 for name in names])
        rows = [_HEADS, *(self._row(names[k]) for k in shown)]
        figures = figure_table(self.as_json(), {"map_50": "mAP@0.5"})
        counted = f"{self.pictures} pictures; {_COUNTED[self.thresholds_from]}"
        return [*aligned(rows, left=(0,)), *more, "", *figures, "", counted]

    def _row(self, name: str) -> tuple[str, ...]:
        hits, false, missed = self.counts[name]
        return (
            name,
            str(hits + missed),
            f"{self.thresholds[name]:.3f}",
            share_text(hits, hits + false),
            share_text(hits, hits + missed),
            metric_text(self.per_class_f1[name]),
            metric_text(self.ap_50[name]),
        )


def _curve(
    found: Sequence[Detections], pictures: BoxSet, number: int, group_N: NDArray[np.int64]
) -> Curve:
    own = [item.of_class(number) for item in found]
    boxes, scores = [boxes_B4 for boxes_B4, _ in own], [scores_B for _, scores_B in own]
    return Curve.of_matches(match_images(boxes, scores, pictures.truths(number)), group_N)


def _chosen(
    curves: Sequence[Curve], classes: Sequence[str], given: Mapping[str, float] | None
) -> ChosenThresholds:
    groups = len(curves[0].positives_G)
    if given:
        if missing := [name for name in classes if name not in given]:
            raise NasError(f"no threshold for {', '.join(missing)}", key="thresholds")
        return ChosenThresholds.given(np.array([given[name] for name in classes]), groups)

    def best(chosen_G: NDArray[np.bool_]) -> NDArray[np.float64]:
        found = []
        for curve in curves:
            chosen_P = chosen_G[curve.patient_P]
            positives = int(curve.positives_G[chosen_G].sum())
            found.append(
                best_threshold(curve.scores_P[chosen_P], curve.hits_P[chosen_P], positives)
            )
        return np.array(found)

    return ChosenThresholds.cross_fitted(best, groups)


def _counts(chosen: ChosenThresholds, curve: Curve, number: int) -> NDArray[np.int64]:
    """(G, 3) of one class."""
    of_class = slice(number, number + 1)
    own = ChosenThresholds(chosen.kept_K[of_class], chosen.used_GK[:, of_class], chosen.source)
    return patient_counts(own, curve)

"""Metrics of pictures with any number of labels each. N pictures, K classes, G groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nas.errors import NasError
from nas.metrics.cross_fit import ChosenOn, ChosenThresholds
from nas.metrics.defined_interval import defined_interval, mean_of_defined
from nas.metrics.group_bootstrap import drawn, group_interval, group_macro_f1_sd
from nas.metrics.multilabel import (
    Counts,
    best_thresholds,
    f1_of,
    macro_f1_of,
    micro_f1_of,
    pair_counts,
)
from nas.metrics.ranked_precision import ranked_precision, ranked_precision_draws
from nas.metrics.roc import auc, auc_draws
from nas.tasks.base import Metrics
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
_HEADS = ("class", "pictures", "threshold", "precision", "recall", "F1", "AUC", "AP")
_FIGURES = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "macro_auc": "mean AUC",
    "mean_average_precision": "mean AP",
}


@dataclass(frozen=True, eq=False)
class LabelScores:
    """What a network says of a split's pictures, and what is known of them."""

    scores_NK: NDArray[np.float64]
    """Probabilities."""
    marks_NK: NDArray[np.int8]
    """1 present, -1 absent, 0 unknown."""
    group_N: NDArray[np.int64]
    """Of each picture, 0 to G - 1."""

    @property
    def groups(self) -> int:
        """How many there are."""
        return int(self.group_N.max()) + 1

    def thresholds(
        self, given: Mapping[str, float] | None, classes: Sequence[str]
    ) -> ChosenThresholds:
        """Those given, else the best, cross-fitted. Raises NasError where a class has none."""
        if not given:
            return ChosenThresholds.cross_fitted(self._best, self.groups)
        if missing := [name for name in classes if name not in given]:
            raise NasError(f"no threshold for {', '.join(missing)}", key="thresholds")
        kept_K = np.array([given[name] for name in classes], np.float64)
        return ChosenThresholds.given(kept_K, self.groups)

    def _best(self, chosen_G: NDArray[np.bool_]) -> NDArray[np.float64]:
        chosen_N = chosen_G[self.group_N]
        marks_NK = self.marks_NK[chosen_N]
        return best_thresholds(marks_NK == 1, marks_NK != 0, self.scores_NK[chosen_N])

    def counts(self, chosen: ChosenThresholds) -> Counts:
        """Counts (G, K, 3) of each group's pictures at its thresholds."""
        thresholds_NK = chosen.used_GK[self.group_N]
        known_NK = self.marks_NK != 0
        pairs = pair_counts(self.marks_NK == 1, known_NK, self.scores_NK, thresholds_NK)
        counts_GK3 = np.zeros((self.groups, *pairs.shape[1:]), np.int64)
        np.add.at(counts_GK3, self.group_N, pairs)
        return counts_GK3

    def known(self, k: int) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
        """Scores, presence and groups of the pictures whose label k is known."""
        known_N = self.marks_NK[:, k] != 0
        return self.scores_NK[known_N, k], self.marks_NK[known_N, k] == 1, self.group_N[known_N]

    def mean_auc_draws(self, draws_RG: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean AUC (R,) of the classes that have one in a draw."""
        parts = [self.known(k) for k in range(self.marks_NK.shape[1])]
        return mean_of_defined(np.stack([auc_draws(draws_RG, *part) for part in parts]))

    def mean_ap_draws(self, draws_RG: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean AP (R,) of the classes that have one in a draw."""
        parts = [self.known(k) for k in range(self.marks_NK.shape[1])]
        return mean_of_defined(
            np.stack([ranked_precision_draws(draws_RG, *part) for part in parts])
        )


@dataclass(frozen=True)
class MultilabelMetrics(Metrics):
    """Macro-F1 over the labels, and areas that need no threshold.

    Only known pairs of picture and class are counted. Where thresholds are chosen on the split
    itself, F1 and counts are cross-fitted: each picture is counted with the thresholds that are
    best on the other folds' pictures (by whole groups).
    """

    macro_f1: float
    """Mean F1 of the classes that have a positive."""
    macro_f1_sd: float
    """Its standard deviation over other groups of pictures, as many."""
    micro_f1: float
    """F1 of all pairs together."""
    macro_auc: float | None
    """Mean area under the ROC curve of the classes that have one."""
    mean_average_precision: float | None
    """Mean average precision of the classes with a positive."""
    auc: dict[str, float | None]
    average_precision: dict[str, float | None]
    per_class_f1: dict[str, float | None]
    """F1 by class; null without a positive."""
    counts: dict[str, tuple[int, int, int]]
    """True positives, false positives and false negatives by class."""
    thresholds: dict[str, float]
    pictures: int
    thresholds_from: ThresholdSource
    scores: LabelScores | None = field(default=None, repr=False, compare=False)
    """What intervals are drawn from; not kept."""
    chosen: ChosenThresholds | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_scores(
        cls,
        scores: LabelScores,
        classes: Sequence[str],
        thresholds: Mapping[str, float] | None = None,
    ) -> Self:
        """Metrics of a split; without `thresholds` (none, or empty) the best are chosen."""
        if not len(scores.scores_NK):
            raise ValueError("no pictures to measure")
        chosen = scores.thresholds(thresholds, classes)
        counts_GK3 = scores.counts(chosen)
        counts_K3 = counts_GK3.sum(axis=0)
        parts = [scores.known(k)[:2] for k in range(len(classes))]
        areas = {name: auc(*part) for name, part in zip(classes, parts, strict=True)}
        precisions = {
            name: ranked_precision(*part) for name, part in zip(classes, parts, strict=True)
        }
        rows = zip(classes, f1_of(counts_K3).tolist(), counts_K3.tolist(), strict=True)
        return cls(
            macro_f1=float(macro_f1_of(counts_K3)),
            macro_f1_sd=group_macro_f1_sd(counts_GK3),
            micro_f1=float(micro_f1_of(counts_K3)),
            macro_auc=_mean(areas),
            mean_average_precision=_mean(precisions),
            auc=areas,
            average_precision=precisions,
            per_class_f1={name: f1 if hit + lost else None for name, f1, (hit, _, lost) in rows},
            counts=dict(zip(classes, map(tuple, counts_K3.tolist()), strict=True)),
            thresholds=dict(zip(classes, chosen.kept_K.tolist(), strict=True)),
            pictures=len(scores.scores_NK),
            thresholds_from=_SOURCES[chosen.source],
            scores=scores,
            chosen=chosen,
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The metrics that `as_json` wrote."""
        own = {name: value for name, value in values.items() if not name.endswith("_ci95")}
        return cls(**{**own, "counts": {k: tuple(three) for k, three in values["counts"].items()}})

    @property
    def primary(self) -> float:
        return self.macro_f1

    @property
    def primary_sd(self) -> float:
        return self.macro_f1_sd

    def as_json(self) -> dict[str, Any]:
        plain = {
            name: value for name, value in vars(self).items() if name not in ("scores", "chosen")
        }
        return {**plain, "counts": {name: list(three) for name, three in self.counts.items()}}

    def with_intervals(self) -> dict[str, Any]:
        """`as_json` and 95 % intervals over draws of groups; null of metrics read from a file."""
        if self.scores is None or self.chosen is None:
            return {**self.as_json(), **{f"{name}_ci95": None for name in _FIGURES}}
        scores, counts_GK3 = self.scores, self.scores.counts(self.chosen)
        groups = scores.groups
        return {
            **self.as_json(),
            "macro_f1_ci95": group_interval(drawn(macro_f1_of, counts_GK3), groups),
            "micro_f1_ci95": group_interval(drawn(micro_f1_of, counts_GK3), groups),
            "macro_auc_ci95": defined_interval(scores.mean_auc_draws, groups),
            "mean_average_precision_ci95": defined_interval(scores.mean_ap_draws, groups),
        }

    def lines(self) -> list[str]:
        """A line a class over the pictures whose label is known, then the other metrics; of many
        classes those with the lowest F1."""
        names = list(self.counts)
        shown, more = shown_classes([self.per_class_f1[name] or 0.0 for name in names])
        rows = [_HEADS, *(self._row(names[k]) for k in shown)]
        figures = figure_table(self.with_intervals(), _FIGURES)
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
            metric_text(self.auc[name]),
            metric_text(self.average_precision[name]),
        )


def _mean(values: Mapping[str, float | None]) -> float | None:
    defined = [value for value in values.values() if value is not None]
    return sum(defined) / len(defined) if defined else None

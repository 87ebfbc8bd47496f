"""Metrics of a classifier with one label a sample."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.metrics.f1 import accuracy_of, confusion_matrix, macro_f1_of, per_class_f1_of
from nas.metrics.intervals import confusion_interval, macro_f1_sd
from nas.tasks.base import ConfusionMatrix, Metrics
from nas.text_table import metric_text, share_text


@dataclass(frozen=True)
class ClassificationMetrics(Metrics):
    """Macro-F1 and other functions of the confusion matrix."""

    macro_f1: float
    """Mean F1 of all classes."""
    accuracy: float
    """Share of correct predictions."""
    per_class_f1: dict[str, float]
    """F1 by class name, in the order of the network's outputs."""
    confusion: tuple[tuple[int, ...], ...]
    """`confusion[i][j]` samples of class i were predicted as class j."""

    @classmethod
    def from_confusion(cls, confusion_KK: NDArray[np.int64], classes: Sequence[str]) -> Self:
        """The metrics that a confusion matrix (K, K) gives."""
        f1_K = per_class_f1_of(confusion_KK)
        return cls(
            macro_f1=float(macro_f1_of(confusion_KK)),
            accuracy=float(accuracy_of(confusion_KK)),
            per_class_f1=dict(zip(classes, f1_K.tolist(), strict=True)),
            confusion=tuple(tuple(row) for row in confusion_KK.tolist()),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The metrics that `as_json` wrote."""
        confusion_KK = np.asarray(values["confusion"], dtype=np.int64)
        return cls.from_confusion(confusion_KK, tuple(values["per_class_f1"]))

    @property
    def primary(self) -> float:
        return self.macro_f1

    @property
    def primary_sd(self) -> float:
        return macro_f1_sd(np.asarray(self.confusion))

    @property
    def macro_f1_ci95(self) -> tuple[float, float]:
        """95 % bootstrap interval (low, high) of macro-F1; the same at each call."""
        return confusion_interval(macro_f1_of, np.asarray(self.confusion))

    def as_json(self) -> dict[str, Any]:
        return {
            "macro_f1": self.macro_f1,
            "accuracy": self.accuracy,
            "per_class_f1": dict(self.per_class_f1),
            "samples": sum(map(sum, self.confusion)),
            "confusion": [list(row) for row in self.confusion],
        }

    def lines(self) -> list[str]:
        return class_table(self.confusion, tuple(self.per_class_f1)).splitlines()

    def confusion_matrix(self) -> ConfusionMatrix:
        return self.confusion, tuple(self.per_class_f1)

    def with_intervals(self) -> dict[str, Any]:
        values = self.as_json()
        return {
            "macro_f1": values.pop("macro_f1"),
            "macro_f1_ci95": list(self.macro_f1_ci95),
            **values,
        }


def mean_logits(outputs: Sequence[Tensor]) -> Tensor:
    """Logits (N, K) of the mean probabilities of several networks."""
    log_p_MNK = torch.stack([logits_NK.float().log_softmax(dim=1) for logits_NK in outputs])
    return log_p_MNK.logsumexp(dim=0) - log(len(outputs))


def measure_logits(
    outputs: Iterable[tuple[Tensor, Tensor]], classes: Sequence[str]
) -> ClassificationMetrics:
    """Metrics of batches of (logits_NK, labels_N); the largest logit is the prediction."""
    predictions: list[Tensor] = []
    labels: list[Tensor] = []
    for logits_NK, labels_N in outputs:
        predictions.append(logits_NK.argmax(dim=1))
        labels.append(labels_N)
    if not labels:
        raise ValueError("no batches to measure")
    confusion_KK = confusion_matrix(
        torch.cat(labels).cpu().numpy(), torch.cat(predictions).cpu().numpy(), len(classes)
    )
    return ClassificationMetrics.from_confusion(confusion_KK, classes)


def class_table(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """A line per class: samples, precision, recall, F1; a dash where undefined."""
    confusion_KK = np.asarray(confusion)
    hits_K = np.diagonal(confusion_KK)
    samples_K, predicted_K = confusion_KK.sum(axis=1), confusion_KK.sum(axis=0)
    f1_K = per_class_f1_of(confusion_KK)
    width = max(len("class"), *map(len, classes))
    lines = [f"{'class':{width}}  samples  precision  recall      F1"]
    for k, name in enumerate(classes):
        lines.append(
            f"{name:{width}}  {samples_K[k]:7d}  {share_text(hits_K[k], predicted_K[k]):>9}  "
            f"{share_text(hits_K[k], samples_K[k]):>6}  {metric_text(float(f1_K[k])):>6}"
        )
    return "\n".join(lines)

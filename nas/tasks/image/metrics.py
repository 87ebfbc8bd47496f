"""Metrics of a classifier with one label a sample."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Self

import torch
from torch import Tensor

from nas.metrics.confusion import Confusion
from nas.metrics.intervals import macro_f1_interval, macro_f1_sd
from nas.tasks.base import ConfusionMatrix, Metrics
from nas.text_table import metric_text, share_text, shown_classes


@dataclass(frozen=True)
class ClassificationMetrics(Metrics):
    """Macro-F1 and other functions of which class is taken for which."""

    macro_f1: float
    """Mean F1 of all classes."""
    accuracy: float
    """Share of correct predictions."""
    per_class_f1: dict[str, float]
    """F1 by class name, in the order of the network's outputs."""
    confusion: Confusion
    """Samples by true and predicted class."""

    @classmethod
    def from_confusion(cls, confusion: Confusion, classes: Sequence[str]) -> Self:
        """The metrics that samples by true and predicted class give."""
        f1_K = confusion.f1_K
        return cls(
            macro_f1=float(f1_K.mean()),
            accuracy=confusion.accuracy,
            per_class_f1=dict(zip(classes, f1_K.tolist(), strict=True)),
            confusion=confusion,
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The metrics that `as_json` wrote."""
        classes = tuple(values["per_class_f1"])
        return cls.from_confusion(Confusion.of_json(values, len(classes)), classes)

    @property
    def primary(self) -> float:
        return self.macro_f1

    @property
    def primary_sd(self) -> float:
        return macro_f1_sd(self.confusion)

    @property
    def macro_f1_ci95(self) -> tuple[float, float]:
        """95 % bootstrap interval (low, high) of macro-F1; the same at each call."""
        return macro_f1_interval(self.confusion)

    def as_json(self) -> dict[str, Any]:
        return {
            "macro_f1": self.macro_f1,
            "accuracy": self.accuracy,
            "per_class_f1": dict(self.per_class_f1),
            "samples": self.confusion.samples,
            **self.confusion.as_json(),
        }

    def lines(self) -> list[str]:
        return class_table(self.confusion, tuple(self.per_class_f1))

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
    found = torch.cat(labels).cpu().numpy(), torch.cat(predictions).cpu().numpy()
    return ClassificationMetrics.from_confusion(Confusion.of(*found, len(classes)), classes)


def class_table(confusion: Confusion, classes: Sequence[str]) -> list[str]:
    """A line per class: samples, precision, recall, F1; a dash where undefined.

    Of many classes those with the lowest F1.
    """
    hits_K, samples_K = confusion.hits_K, confusion.samples_K
    predicted_K, f1_K = confusion.predicted_K, confusion.f1_K
    shown, more = shown_classes(f1_K.tolist())
    width = max(len("class"), *(len(classes[k]) for k in shown))
    lines = [f"{'class':{width}}  samples  precision  recall      F1"]
    for k in shown:
        lines.append(
            f"{classes[k]:{width}}  {samples_K[k]:7d}  {share_text(hits_K[k], predicted_K[k]):>9}  "
            f"{share_text(hits_K[k], samples_K[k]):>6}  {metric_text(float(f1_K[k])):>6}"
        )
    return lines + more

"""How well each class is told apart, as plain text."""

from collections.abc import Sequence

import numpy as np

from nas.metrics.f1 import per_class_f1_of
from nas.report.tables import metric_text


def class_table(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """A line a class: samples, precision, recall, F1; a dash where nothing can be said."""
    confusion_KK = np.asarray(confusion)
    hits_K = np.diagonal(confusion_KK)
    samples_K, predicted_K = confusion_KK.sum(axis=1), confusion_KK.sum(axis=0)
    f1_K = per_class_f1_of(confusion_KK)
    width = max(len("class"), *map(len, classes))
    lines = [f"{'class':{width}}  samples  precision  recall      F1"]
    for k, name in enumerate(classes):
        lines.append(
            f"{name:{width}}  {samples_K[k]:7d}  {_share(hits_K[k], predicted_K[k]):>9}  "
            f"{_share(hits_K[k], samples_K[k]):>6}  {metric_text(float(f1_K[k])):>6}"
        )
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return metric_text(part / whole if whole else None)

"""Classes of X-ray files."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.spec.architecture import ArchitectureSpec
from nas.tasks.base import Prediction
from nas.tasks.covid.inputs import file_batches
from nas.tasks.covid.notice import NOT_FOR_DIAGNOSIS


def predict_classes(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    files: Sequence[Path],
    device: torch.device,
) -> Iterator[Prediction]:
    """`class`, `probability` and `probabilities` (by class) of each file, in order."""
    for batch in file_batches(architecture, files, device):
        rows: Iterator[list[float]] = iter(())
        if batch.x_NCHW is not None:
            rows = iter(network(batch.x_NCHW).cpu().double().softmax(dim=1).tolist())
        for file in batch.files:
            if file.error is not None:
                yield Prediction(str(file.path), error=file.error)
            else:
                yield Prediction(str(file.path), _values(next(rows), architecture.classes))


def _values(row: Sequence[float], classes: Sequence[str]) -> dict[str, Any]:
    best = max(range(len(row)), key=row.__getitem__)
    return {
        "class": classes[best],
        "probability": row[best],
        "probabilities": dict(zip(classes, row, strict=True)),
        "notice": NOT_FOR_DIAGNOSIS,
    }

"""Opacities in X-ray files, in the pixels of the files."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.tasks.base import Prediction, Thresholds
from nas.tasks.covid.confidences import none_confidence
from nas.tasks.covid.file_detections import FileDetections, detect_in_files
from nas.tasks.covid.notice import NOT_FOR_DIAGNOSIS

BOX_COLUMNS = ("class", "score", "x1", "y1", "x2", "y2")
"""What is said of a box."""


def predict_boxes(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    files: Sequence[Path],
    device: torch.device,
    thresholds: Thresholds,
) -> Iterator[Prediction]:
    """`opacities` (how many), `none` (1 - the highest score) and `boxes` of each file, in order.

    The boxes are those from the threshold on. Raises NasError where there is no threshold.
    """
    (name,) = architecture.classes
    if name not in thresholds:
        raise NasError(
            f"no threshold for {name}: the run's folder keeps it in thresholds.yaml",
            key="thresholds",
        )
    for found in detect_in_files(network, architecture, files, device):
        if found.error is not None:
            yield Prediction(str(found.path), error=found.error)
        else:
            yield Prediction(str(found.path), _values(found, name, thresholds[name]))


def _values(found: FileDetections, name: str, threshold: float) -> dict[str, Any]:
    boxes = [
        {"class": name, "score": score, **_sides(box)}
        for box, score in zip(found.boxes_B4.tolist(), found.scores_B.tolist(), strict=True)
        if score >= threshold
    ]
    return {
        "opacities": len(boxes),
        "none": none_confidence(float(found.scores_B.max(initial=0.0))),
        "boxes": boxes,
        "notice": NOT_FOR_DIAGNOSIS,
    }


def _sides(box: Sequence[float]) -> dict[str, float]:
    return {side: round(value, 2) for side, value in zip(BOX_COLUMNS[2:], box, strict=True)}

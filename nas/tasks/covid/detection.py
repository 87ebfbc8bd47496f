"""The `covid-detection` task: where a chest X-ray has opacities.

For research and engineering only: never for diagnosis.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from blocks import DetectionOutput
from nas.data.boxes import TrueBoxes
from nas.data.xray.dataset import XrayData, XraySet
from nas.data.xray.preprocess import XrayLabels
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch, Metrics, Prediction, Thresholds
from nas.tasks.covid.batches import box_batches
from nas.tasks.covid.detection_metrics import DetectionMetrics
from nas.tasks.covid.detections import (
    Detections,
    found_in,
    location_scores,
)
from nas.tasks.covid.requirements import (
    check_detector,
    check_detector_space,
    check_space_preprocess,
    resolved_for_boxes,
    xray_preprocess,
)
from nas.tasks.covid.suppression import none_confidence
from nas.tasks.covid.task import NOT_FOR_DIAGNOSIS, XrayTask
from nas.tasks.covid.tta import FileDetections, detect_in_files
from nas.tasks.detection.dense import DenseDetection, sides_of
from nas.tasks.image.requirements import image_augment


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
        {"class": name, "score": score, **sides_of(box)}
        for box, score in zip(found.boxes_B4.tolist(), found.scores_B.tolist(), strict=True)
        if score >= threshold
    ]
    return {
        "opacities": len(boxes),
        "none": none_confidence(float(found.scores_B.max(initial=0.0))),
        "boxes": boxes,
        "notice": NOT_FOR_DIAGNOSIS,
    }


def _threshold(data: XrayData) -> float | None:
    """Score from which a box counts, if one was chosen before."""
    return None if data.thresholds is None else data.thresholds[data.classes[0]]


class CovidDetectionTask(DenseDetection[XrayData], XrayTask):
    """Detection of opacities by F1 at IoU 0.5."""

    name: ClassVar[str] = "covid-detection"
    labels: ClassVar[tuple[XrayLabels, ...]] = ("boxes",)
    primary_metric: ClassVar[str] = "f1_50"
    metric_titles: ClassVar[Mapping[str, str]] = {"f1_50": "F1 at IoU 0.5", "map_50": "mAP@0.5"}

    def check_architecture(self, architecture: ArchitectureSpec) -> None:
        xray_preprocess(architecture.preprocess, self.labels, self.name)
        check_detector(architecture, self.name)

    def check_space(self, space: SpaceSpec) -> str:
        check_space_preprocess(space, self.labels)
        return check_detector_space(space)

    def resolved(self, training: TrainingSpec, *, built_in: bool = False) -> TrainingSpec:
        return resolved_for_boxes(training)

    def decisions(self, data: XrayData, outputs: DetectionOutput) -> Tensor:
        """(N, P) whether the box of a location counts, before suppression."""
        (threshold,) = (data.thresholds or {}).values()
        return location_scores(outputs) >= threshold

    def train_batches(
        self,
        data: XrayData,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        training = self.resolved(training)
        xrays, augment = data.split("train"), image_augment(training)
        return box_batches(xrays, data.preprocess, training, augment, generator, device)

    def measure(self, data: XrayData, outputs: Iterable[tuple[Any, Any]]) -> DetectionMetrics:
        found, xrays = self.found(data, outputs)
        return DetectionMetrics.from_detections(
            found, xrays.boxes, xrays.patients, _threshold(data)
        )

    def measure_folds(
        self, folds: Sequence[tuple[XrayData, Iterable[tuple[Any, Any]]]]
    ) -> DetectionMetrics:
        found: list[Detections] = []
        boxes: list[TrueBoxes] = []
        patients: list[str] = []
        thresholds: list[float] = []
        for data, outputs in folds:
            threshold = _threshold(data)
            if threshold is None:
                raise ValueError("folds are measured with thresholds that were chosen before")
            part, xrays = self.found(data, outputs)
            if not set(patients).isdisjoint(xrays.patients):
                raise ValueError("a patient is in two of the splits")
            found += part
            boxes += xrays.boxes
            patients += xrays.patients
            thresholds += [threshold] * len(part)
        return DetectionMetrics.from_detections(found, boxes, patients, np.array(thresholds))

    def found(
        self, data: XrayData, outputs: Iterable[tuple[Any, Any]]
    ) -> tuple[list[Detections], XraySet]:
        """The boxes found in each image of a split, and the images."""
        found: list[Detections] = []
        xrays = None
        for output, batch in outputs:
            found += found_in(output, data.input.shape[1:])
            xrays = batch.xrays
        if xrays is None:
            raise ValueError("no batches to measure")
        return found, xrays

    def thresholds_of(self, metrics: Metrics) -> Thresholds:
        return metrics.thresholds if isinstance(metrics, DetectionMetrics) else {}

    def metrics_from_json(self, values: Mapping[str, Any]) -> DetectionMetrics:
        return DetectionMetrics.from_json(values)

    def predict(
        self,
        network: Callable[[Tensor], Any],
        architecture: ArchitectureSpec,
        files: Sequence[Path],
        device: torch.device,
        thresholds: Thresholds,
    ) -> Iterator[Prediction]:
        return predict_boxes(network, architecture, files, device, thresholds)

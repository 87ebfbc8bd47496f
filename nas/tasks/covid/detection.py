"""The `covid-detection` task: where a chest X-ray has opacities.

For research and engineering only: never for diagnosis.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from blocks import DetectionOutput
from nas.data.boxes import TrueBoxes
from nas.data.xray.dataset import XrayData, XraySet
from nas.data.xray.preprocess import XrayLabels
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.definition import Head
from nas.spec.space import SpaceSpec
from nas.spec.training import TaskLoss, TrainingSpec
from nas.tasks.base import Batch, Loss, Metrics, Prediction, Thresholds
from nas.tasks.covid.batches import BoxTargets, box_batches
from nas.tasks.covid.detection_loss import DetectionLossSpec, DetectorLoss, taught_maps_loss
from nas.tasks.covid.detection_metrics import DetectionMetrics
from nas.tasks.covid.detections import (
    Detections,
    WholeDetector,
    found_in,
    location_scores,
    mean_of,
)
from nas.tasks.covid.requirements import (
    check_detector,
    check_detector_space,
    check_space_preprocess,
    detection_loss,
    resolved_for_boxes,
    xray_preprocess,
)
from nas.tasks.covid.suppression import none_confidence
from nas.tasks.covid.task import NOT_FOR_DIAGNOSIS, XrayTask
from nas.tasks.covid.tta import FileDetections, detect_in_files
from nas.tasks.image.requirements import image_augment

BOX_COLUMNS = ("class", "score", "x1", "y1", "x2", "y2")
"""Keys of a box in predictions."""


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


def _size_text(data: XrayData) -> str:
    return "x".join(map(str, data.input.shape[1:]))


def _threshold(data: XrayData) -> float | None:
    """Score from which a box counts, if one was chosen before."""
    return None if data.thresholds is None else data.thresholds[data.classes[0]]


class CovidDetectionTask(XrayTask):
    """Detection of opacities by F1 at IoU 0.5."""

    name: ClassVar[str] = "covid-detection"
    labels: ClassVar[tuple[XrayLabels, ...]] = ("boxes",)
    primary_metric: ClassVar[str] = "f1_50"
    metric_titles: ClassVar[Mapping[str, str]] = {"f1_50": "F1 at IoU 0.5", "map_50": "mAP@0.5"}
    loss_types: ClassVar[tuple[type[TaskLoss], ...]] = (DetectionLossSpec,)
    model_head: ClassVar[Head] = "detection"
    needs_thresholds: ClassVar[bool] = True
    output_type: ClassVar[Any] = DetectionOutput
    prediction_tables: ClassVar[Mapping[str, tuple[str, ...]]] = {"boxes": BOX_COLUMNS}

    def check_architecture(self, architecture: ArchitectureSpec) -> None:
        xray_preprocess(architecture.preprocess, self.labels, self.name)
        check_detector(architecture)

    def check_network(
        self, network: nn.Module, architecture: ArchitectureSpec, *, training: bool
    ) -> None:
        if architecture.head == "none" and not isinstance(network, WholeDetector):
            kind = type(network).__name__
            raise NasError(
                f"{architecture.model} gives a {kind}; with head: none needed is a "
                "nas.tasks.covid.detections.WholeDetector",
                key="model",
            )

    def check_space(self, space: SpaceSpec) -> str:
        check_space_preprocess(space, self.labels)
        return check_detector_space(space)

    def resolved(self, training: TrainingSpec, *, built_in: bool = False) -> TrainingSpec:
        return resolved_for_boxes(training)

    def build_loss(self, training: TrainingSpec) -> Loss:
        return DetectorLoss(detection_loss(training))

    def training_outputs(self, network: nn.Module, inputs: Tensor, targets: BoxTargets) -> Any:
        """The maps that the loss compares with the boxes; of a whole detector its own loss."""
        if isinstance(network, WholeDetector):
            return network.training_loss(inputs, targets.boxes)
        return network(inputs)

    def check_teacher(self, data: XrayData, teacher_data: XrayData) -> None:
        """Raises NasError for another input size: locations would lie elsewhere."""
        if data.input.shape[1:] != teacher_data.input.shape[1:]:
            raise NasError(
                f"the teacher's maps are of {_size_text(teacher_data)} pixels, the network's of "
                f"{_size_text(data)}: boxes are taught location by location, so both need one size",
                key="--teacher",
            )

    def soft_targets(self, outputs: DetectionOutput | list[Detections]) -> tuple[Tensor, ...]:
        """Class logits, distances and centre-ness of each location. Raises NasError for a detector
        of another library, which gives boxes and no maps."""
        if not isinstance(outputs, DetectionOutput):
            raise NasError(
                "a whole detector gives boxes, not maps: needed is a network with our head",
                key="--teacher",
            )
        return tuple(part.float() for part in outputs)

    def teaching_loss(
        self, outputs: Any, soft: Sequence[Tensor], targets: BoxTargets, temperature: float
    ) -> Tensor:
        """As `taught_maps_loss`; `temperature` is not used, as its weights do that work."""
        if not isinstance(outputs, DetectionOutput):
            raise NasError("a whole detector has a loss of its own: it can't be taught")
        return taught_maps_loss(outputs, DetectionOutput(*soft), targets.size)

    def decisions(self, data: XrayData, outputs: DetectionOutput) -> Tensor:
        """(N, P) whether the box of a location counts, before suppression."""
        (threshold,) = (data.thresholds or {}).values()
        return location_scores(outputs) >= threshold

    def mean_outputs(
        self, outputs: Sequence[DetectionOutput | list[Detections]]
    ) -> DetectionOutput | list[Detections]:
        return mean_of(outputs)

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

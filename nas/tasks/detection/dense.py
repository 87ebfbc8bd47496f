"""What tasks of boxes share: a detector over dense maps, its loss, and how it is taught."""

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from blocks import DetectionOutput
from nas.data.dataset import AnyTaskData
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.definition import Head
from nas.spec.training import TaskLoss, TrainingSpec
from nas.tasks.base import DataT, Loss, Task
from nas.tasks.covid.batches import BoxTargets
from nas.tasks.covid.detection_loss import DetectionLossSpec, DetectorLoss, taught_maps_loss
from nas.tasks.covid.detections import Detections, WholeDetector, mean_of
from nas.tasks.covid.requirements import box_loss

BOX_COLUMNS = ("class", "score", "x1", "y1", "x2", "y2")
"""Keys of a box in predictions."""


def sides_of(box: Sequence[float]) -> dict[str, float]:
    """x1, y1, x2, y2 by name, in hundredths of a pixel."""
    return {side: round(value, 2) for side, value in zip(BOX_COLUMNS[2:], box, strict=True)}


def _size_text(data: AnyTaskData) -> str:
    return "x".join(map(str, data.input.shape[1:]))


class DenseDetection(Task[DataT], ABC):
    """A task whose networks give classes and boxes at every location of their maps."""

    loss_types: ClassVar[tuple[type[TaskLoss], ...]] = (DetectionLossSpec,)
    model_head: ClassVar[Head] = "detection"
    needs_thresholds: ClassVar[bool] = True
    output_type: ClassVar[Any] = DetectionOutput
    prediction_tables: ClassVar[Mapping[str, tuple[str, ...]]] = {"boxes": BOX_COLUMNS}

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

    def build_loss(self, training: TrainingSpec) -> Loss:
        return DetectorLoss(box_loss(training))

    def training_outputs(self, network: nn.Module, inputs: Tensor, targets: BoxTargets) -> Any:
        """The maps that the loss compares with the boxes; of a whole detector its own loss."""
        if isinstance(network, WholeDetector):
            return network.training_loss(inputs, targets.boxes)
        return network(inputs)

    def check_teacher(self, data: DataT, teacher_data: DataT) -> None:
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

    def mean_outputs(
        self, outputs: Sequence[DetectionOutput | list[Detections]]
    ) -> DetectionOutput | list[Detections]:
        return mean_of(outputs)

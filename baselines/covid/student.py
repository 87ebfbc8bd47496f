"""Step 2 of 3: a student whose feature maps are trained towards the teacher's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.covid.teacher import masked_batches
from nas.data.xray.dataset import XrayData
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch, Loss
from nas.tasks.covid.study import CovidStudyTask
from nas.tasks.image.losses import ClassifierLoss
from nas.tasks.image.requirements import image_loss

STRIDES = (8, 16, 32)
"""Strides of the maps that are compared with the teacher's: the last three of a network."""


def logits_and_maps(network: nn.Module, x_NCHW: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """What `network(x_NCHW)` gives, and its maps at `STRIDES`, in that order.

    Raises ValueError for a network that has none, or none such.
    """
    indices = map_indices(network)
    timm_network: Any = network
    features, maps = timm_network.forward_intermediates(x_NCHW, indices=indices)
    return timm_network.forward_head(features), tuple(maps)


def inner_maps(network: nn.Module, x_NCHW: Tensor) -> tuple[Tensor, ...]:
    """The maps of `logits_and_maps` alone."""
    indices = map_indices(network)
    timm_network: Any = network
    return tuple(timm_network.forward_intermediates(x_NCHW, indices, intermediates_only=True))


def map_indices(network: nn.Module) -> list[int]:
    """Which of the maps that timm counts are at `STRIDES`."""
    known = getattr(network, "feature_info", None)
    if not known or not hasattr(network, "forward_intermediates"):
        raise ValueError(f"a {type(network).__name__} shows no maps")
    strides = [item["reduction"] for item in known]
    missing = [stride for stride in STRIDES if stride not in strides]
    if missing:
        raise ValueError(f"a {type(network).__name__} has no map at the strides {missing}")
    return [strides.index(stride) for stride in STRIDES]


@dataclass(frozen=True, eq=False)
class StudentTargets:
    """Targets of a training batch."""

    labels_N: Tensor
    masked_NCHW: Tensor
    """The same augmented images, as the teacher sees them."""


@dataclass(frozen=True, eq=False)
class StudentOutputs:
    """Outputs for the student's loss."""

    logits_NK: Tensor
    maps: tuple[Tensor, ...]
    """The student's, of whole images."""
    teacher_maps: tuple[Tensor, ...]
    """The teacher's at the same strides, of masked ones."""


class StudentTask(CovidStudyTask):
    """`covid-study` with an auxiliary loss in training; validation and test are as ever."""

    def __init__(self, teacher: nn.Module, aux_weight: float) -> None:
        self.teacher = teacher
        """Frozen, see `load_teacher`."""
        self.aux_weight = aux_weight

    def build_loss(self, training: TrainingSpec) -> Loss:
        return StudentLoss(ClassifierLoss(image_loss(training)), self.aux_weight)

    def training_outputs(
        self, network: nn.Module, inputs: Tensor, targets: StudentTargets
    ) -> StudentOutputs:
        with torch.no_grad():
            teacher_maps = inner_maps(self.teacher, targets.masked_NCHW)
        logits_NK, maps = logits_and_maps(network, inputs)
        return StudentOutputs(logits_NK, maps, teacher_maps)

    def train_batches(
        self,
        data: XrayData,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        for batch in masked_batches(data, self.resolved(training), generator, device):
            yield batch.x_NCHW, StudentTargets(batch.labels_N, batch.masked_NCHW)


class StudentLoss(nn.Module):
    """The classifier's loss, and `aux_weight` times `map_distance`."""

    def __init__(self, classifier: ClassifierLoss, aux_weight: float) -> None:
        super().__init__()
        self.classifier = classifier
        self.aux_weight = aux_weight

    def forward(self, outputs: StudentOutputs, targets: StudentTargets) -> Tensor:
        loss: Tensor = self.classifier(outputs.logits_NK, targets.labels_N)
        return loss + self.aux_weight * map_distance(outputs.maps, outputs.teacher_maps)


def map_distance(maps: tuple[Tensor, ...], others: tuple[Tensor, ...]) -> Tensor:
    """Mean squared difference of two networks' maps: the mean of each stride's own."""
    squares = [
        functional.mse_loss(x_NCHW.float(), y_NCHW.float())
        for x_NCHW, y_NCHW in zip(maps, others, strict=True)
    ]
    return torch.stack(squares).mean()

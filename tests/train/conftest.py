"""A small task of points in a plane: training must need nothing but the contract."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from nas.data.dataset import DataRequest, TaskData
from nas.data.files import Progress
from nas.data.image.preprocess import ImagePreprocess
from nas.data.splits import Split
from nas.spec.architecture import ArchitectureSpec, InputSpec
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch, Loss, Prediction, Task, Thresholds
from nas.tasks.image.losses import ClassifierLoss
from nas.tasks.image.metrics import ClassificationMetrics, measure_logits
from nas.tasks.image.requirements import image_loss

Points = TaskData[Batch, ImagePreprocess]
"""Points on a 4 x 4 picture of three channels; the class is the brightest channel."""


class PointTask(Task[Points]):
    name: ClassVar[str] = "points"
    built_in_source: ClassVar[str] = "points"
    primary_metric: ClassVar[str] = "macro_f1"

    def check_architecture(self, architecture: ArchitectureSpec) -> None:
        pass

    def check_space(self, space: SpaceSpec) -> str:
        return "nothing"

    def load_data(self, request: DataRequest, on_progress: Progress | None = None) -> Points:
        generator = torch.Generator().manual_seed(request.seed)
        return Points(
            splits={split: _draw(120, generator) for split in request.splits},
            classes=("red", "green", "blue"),
            source="points",
            preprocess=ImagePreprocess(),
            input=request.input,
        )

    def measure_normalisation(self, data: Points) -> Points:
        return data

    def resolved(self, training: TrainingSpec, *, built_in: bool = False) -> TrainingSpec:
        return training

    def build_loss(self, training: TrainingSpec) -> Loss:
        return ClassifierLoss(image_loss(training))

    def mean_outputs(self, outputs: Sequence[Tensor]) -> Tensor:
        return torch.stack([logits_NK.softmax(dim=1) for logits_NK in outputs]).mean(dim=0).log()

    def steps_per_epoch(self, data: Points, training: TrainingSpec) -> int:
        return len(data.splits["train"][1]) // training.batch_size

    def train_batches(
        self, data: Points, training: TrainingSpec, generator: torch.Generator, device: torch.device
    ) -> Iterator[Batch]:
        x, labels = data.splits["train"]
        order = torch.randperm(len(labels), generator=generator)
        for step in range(self.steps_per_epoch(data, training)):
            drawn = order[step * training.batch_size : (step + 1) * training.batch_size]
            yield x[drawn].to(device), labels[drawn].to(device)

    def evaluation_batches(
        self, data: Points, split: Split, device: torch.device
    ) -> Iterator[Batch]:
        x, labels = data.splits[split]
        for start in range(0, len(labels), 50):
            yield x[start : start + 50].to(device), labels[start : start + 50].to(device)

    def measure(self, data: Points, outputs: Iterable[tuple[Any, Tensor]]) -> ClassificationMetrics:
        return measure_logits(outputs, data.classes)

    def metrics_from_json(self, values: Mapping[str, Any]) -> ClassificationMetrics:
        return ClassificationMetrics.from_json(values)

    def find_files(self, folder: Path) -> tuple[Path, ...]:
        return ()

    def predict(
        self,
        network: Callable[[Tensor], Any],
        architecture: ArchitectureSpec,
        files: Sequence[Path],
        device: torch.device,
        thresholds: Thresholds,
    ) -> Iterator[Prediction]:
        return iter(())


def _draw(count: int, generator: torch.Generator) -> Batch:
    labels = torch.randint(3, (count,), generator=generator)
    x = torch.randn(count, 3, 4, 4, generator=generator)
    x[torch.arange(count), labels] += 0.7
    return x, labels


def build_net(seed: int = 0, dropout: float = 0.2) -> nn.Sequential:
    """Six channels, with dropout so that the global generator matters."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        conv = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        return nn.Sequential(
            conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(6, 3)
        )


@pytest.fixture
def points() -> Points:
    return PointTask().load_data(DataRequest(None, InputSpec(height=4, width=4)))

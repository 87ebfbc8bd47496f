"""The `image` task: one class for each picture."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nas.data.augment import AugmentSpec, BatchAugment
from nas.data.batches import evaluation_batches, train_batch_count, train_batches
from nas.data.dataset import DataRequest
from nas.data.decode import image_extensions
from nas.data.files import Progress, visible_files
from nas.data.image.dataset import ImageData
from nas.data.image.digits import DIGITS_SOURCE
from nas.data.image.load import load_images, load_unlabelled_images
from nas.data.image.preprocess import ImagePreprocess
from nas.data.image.statistics import ImageStatistics, image_statistics
from nas.data.normalise import fitted_preprocess
from nas.data.sampler import build_sampler
from nas.data.splits import Split
from nas.data.statistics import StatisticsRequest
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.definition import Head
from nas.spec.preprocess import Preprocess
from nas.spec.space import SpaceSpec
from nas.spec.training import TaskAugment, TaskLoss, TrainingSpec
from nas.tasks.base import Batch, Loss, Prediction, RecipeChoice, Task, Thresholds
from nas.tasks.image.losses import ClassifierLoss, LossSpec, softened_divergence
from nas.tasks.image.metrics import ClassificationMetrics, mean_logits, measure_logits
from nas.tasks.image.prediction import of_pictures, predict_images
from nas.tasks.image.requirements import (
    at_key,
    check_classifier,
    check_classifier_space,
    image_augment,
    image_loss,
    image_recipe,
    resolved_for_images,
)
from nas.tasks.outputs import check_logits

EVALUATION_BATCH = 256
"""Batch size of evaluation: larger is no faster on a CPU."""


class ImageTask(Task[ImageData]):
    """Classification of pictures by macro-F1."""

    name: ClassVar[str] = "image"
    primary_metric: ClassVar[str] = "macro_f1"
    metric_titles: ClassVar[Mapping[str, str]] = {"macro_f1": "macro-F1"}
    measures_accuracy: ClassVar[bool] = True
    model_head: ClassVar[Head] = "linear"
    preprocess_types: ClassVar[tuple[type[Preprocess], ...]] = (ImagePreprocess,)
    loss_types: ClassVar[tuple[type[TaskLoss], ...]] = (LossSpec,)
    augment_types: ClassVar[tuple[type[TaskAugment], ...]] = (AugmentSpec,)
    recipe_settings: ClassVar[tuple[str, ...]] = ("sampler",)
    built_in_source: ClassVar[str] = DIGITS_SOURCE

    def check_architecture(self, architecture: ArchitectureSpec) -> None:
        """Raises NasError unless the network takes pictures and ends in one logit per class."""
        if architecture.preprocess is not None:
            of_pictures(architecture.preprocess)
        check_classifier(architecture, self.name)

    def check_network(
        self, network: nn.Module, architecture: ArchitectureSpec, *, training: bool
    ) -> None:
        check_logits(network, architecture, training=training)

    def check_space(self, space: SpaceSpec) -> str:
        if space.preprocess is not None:
            at_key(space, "preprocess.kind", lambda: of_pictures(space.preprocess))
        return check_classifier_space(space, self.name)

    def load_data(self, request: DataRequest, on_progress: Progress | None = None) -> ImageData:
        given = request.preprocess
        prepared = ImagePreprocess() if given is None else of_pictures(given)
        data = load_images(request.prepared(prepared), on_progress)
        return data if prepared.says_normalisation else self.measure_normalisation(data)

    def holds(self, source: Path) -> bool:
        """What is of no other task may be pictures."""
        return True

    def statistics(
        self, request: StatisticsRequest, on_progress: Progress | None = None
    ) -> ImageStatistics:
        return image_statistics(request, on_progress)

    def measure_normalisation(self, data: ImageData) -> ImageData:
        """The same pictures; mean and std of each channel are the training split's."""
        train = data.split("train")
        return replace(data, preprocess=fitted_preprocess(data.preprocess, train.pixels))

    def resolved(self, training: TrainingSpec, *, built_in: bool = False) -> TrainingSpec:
        return resolved_for_images(training, built_in=built_in)

    def recipe(self, data: ImageData) -> Sequence[RecipeChoice]:
        return (image_recipe(data.split("train").class_counts),)

    def build_loss(self, training: TrainingSpec) -> Loss:
        return ClassifierLoss(image_loss(training))

    def check_teacher(self, data: ImageData, teacher_data: ImageData) -> None:
        """Pictures of any size are augmented by the same draws; they must lie the same way."""
        if data.preprocess.turn_portrait != teacher_data.preprocess.turn_portrait:
            raise NasError(
                "portraits are turned for one of the networks only: --no-turn for both, or none",
                key="--teacher",
            )

    def soft_targets(self, outputs: Tensor) -> tuple[Tensor, ...]:
        return (outputs.float(),)

    def teaching_loss(
        self, outputs: Tensor, soft: Sequence[Tensor], targets: Any, temperature: float
    ) -> Tensor:
        return softened_divergence(outputs, soft[0], temperature)

    def load_unlabelled(
        self, request: DataRequest, on_progress: Progress | None = None
    ) -> ImageData:
        """The pictures of a folder and of those below it, whatever their names."""
        return load_unlabelled_images(request, on_progress)

    def decisions(self, data: ImageData, outputs: Tensor) -> Tensor:
        """(N,) number of the likeliest class."""
        return outputs.argmax(dim=1)

    def mean_outputs(self, outputs: Sequence[Tensor]) -> Tensor:
        return mean_logits(outputs)

    def steps_per_epoch(self, data: ImageData, training: TrainingSpec) -> int:
        return train_batch_count(data.split("train"), training.batch_size)

    def train_batches(
        self,
        data: ImageData,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        train = data.split("train")
        return train_batches(
            train,
            build_sampler(training.sampler, train.labels_N, generator),
            training.batch_size,
            BatchAugment(image_augment(training)),
            data.preprocess,
            device,
            generator,
        )

    def evaluation_batches(
        self, data: ImageData, split: Split, device: torch.device
    ) -> Iterator[Batch]:
        images = data.split(split)
        return evaluation_batches(images, EVALUATION_BATCH, data.preprocess, device)

    def measure(self, data: ImageData, outputs: Iterable[tuple[Any, Any]]) -> ClassificationMetrics:
        return measure_logits(outputs, data.classes)

    def metrics_from_json(self, values: Mapping[str, Any]) -> ClassificationMetrics:
        return ClassificationMetrics.from_json(values)

    def find_files(self, folder: Path) -> tuple[Path, ...]:
        return visible_files(folder, image_extensions())

    def predict(
        self,
        network: Callable[[Tensor], Any],
        architecture: ArchitectureSpec,
        files: Sequence[Path],
        device: torch.device,
        thresholds: Thresholds,
    ) -> Iterator[Prediction]:
        return predict_images(network, architecture, files, device)

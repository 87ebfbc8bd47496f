"""The `covid-study` task: the class of a chest X-ray's study, or whether an image has an opacity.

For research and engineering only: never for diagnosis.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from nas.data.augment import BatchAugment
from nas.data.batches import train_batches
from nas.data.sampler import build_sampler
from nas.data.xray.dataset import XrayData
from nas.data.xray.preprocess import XrayLabels
from nas.spec.architecture import ArchitectureSpec
from nas.spec.definition import Head
from nas.spec.space import SpaceSpec
from nas.spec.training import TaskLoss, TrainingSpec
from nas.tasks.base import Batch, Loss, Prediction, Thresholds
from nas.tasks.covid.data import file_batches
from nas.tasks.covid.requirements import (
    check_space_preprocess,
    resolved_for_studies,
    xray_preprocess,
)
from nas.tasks.covid.study_metrics import Samples, StudyMetrics
from nas.tasks.covid.task import NOT_FOR_DIAGNOSIS, XrayTask
from nas.tasks.image.losses import ClassifierLoss, LossSpec, softened_divergence
from nas.tasks.image.metrics import mean_logits
from nas.tasks.image.prediction import class_values
from nas.tasks.image.requirements import (
    check_classifier,
    check_classifier_space,
    image_augment,
    image_loss,
)
from nas.tasks.outputs import NO_NUMBERS, check_logits, not_finite


def predict_classes(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    files: Sequence[Path],
    device: torch.device,
) -> Iterator[Prediction]:
    """`class`, `probability` and `probabilities` (by class) of each file, in order."""
    for batch in file_batches(architecture, files, device):
        rows: Iterator[list[float] | None] = iter(())
        if batch.x_NCHW is not None:
            logits_NK = network(batch.x_NCHW).cpu()
            found = logits_NK.double().softmax(dim=1).tolist()
            wrong = not_finite(logits_NK).tolist()
            rows = iter([None if bad else row for row, bad in zip(found, wrong, strict=True)])
        for file in batch.files:
            if file.error is not None:
                yield Prediction(str(file.path), error=file.error)
            elif (row := next(rows)) is None:
                yield Prediction(str(file.path), error=NO_NUMBERS)
            else:
                values = class_values(row, architecture.classes)
                yield Prediction(str(file.path), {**values, "notice": NOT_FOR_DIAGNOSIS})


class CovidStudyTask(XrayTask):
    """Classification of studies by macro-F1: negative, typical, indeterminate, atypical.

    With `preprocess: {kind: xray, labels: opacity}` of images: none, opacity. A study's
    probabilities are the mean of its images'.
    """

    name: ClassVar[str] = "covid-study"
    primary_metric: ClassVar[str] = "macro_f1"
    metric_titles: ClassVar[Mapping[str, str]] = {"macro_f1": "macro-F1"}
    measures_accuracy: ClassVar[bool] = True
    loss_types: ClassVar[tuple[type[TaskLoss], ...]] = (LossSpec,)
    model_head: ClassVar[Head] = "linear"
    labels: ClassVar[tuple[XrayLabels, ...]] = ("study", "opacity")
    label_kinds: ClassVar[tuple[str, ...]] = labels

    def check_architecture(self, architecture: ArchitectureSpec) -> None:
        xray_preprocess(architecture.preprocess, self.labels, self.name)
        check_classifier(architecture, self.name)

    def check_network(
        self, network: nn.Module, architecture: ArchitectureSpec, *, training: bool
    ) -> None:
        check_logits(network, architecture, training=training)

    def check_space(self, space: SpaceSpec) -> str:
        check_space_preprocess(space, self.labels)
        return check_classifier_space(space, self.name)

    def resolved(self, training: TrainingSpec, *, built_in: bool = False) -> TrainingSpec:
        return resolved_for_studies(training)

    def build_loss(self, training: TrainingSpec) -> Loss:
        return ClassifierLoss(image_loss(training))

    def check_teacher(self, data: XrayData, teacher_data: XrayData) -> None:
        """X-rays of any size are augmented by the same draws; the classes say what is learned."""

    def soft_targets(self, outputs: Tensor) -> tuple[Tensor, ...]:
        return (outputs.float(),)

    def teaching_loss(
        self, outputs: Tensor, soft: Sequence[Tensor], targets: Any, temperature: float
    ) -> Tensor:
        return softened_divergence(outputs, soft[0], temperature)

    def decisions(self, data: XrayData, outputs: Tensor) -> Tensor:
        """(N,) number of the likeliest class."""
        return outputs.argmax(dim=1)

    def mean_outputs(self, outputs: Sequence[Tensor]) -> Tensor:
        return mean_logits(outputs)

    def train_batches(
        self,
        data: XrayData,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        images = data.split("train")
        return train_batches(
            images,
            build_sampler(training.sampler, images.labels_N, generator),
            training.batch_size,
            BatchAugment(image_augment(self.resolved(training))),
            data.preprocess,
            device,
            generator,
        )

    def measure(self, data: XrayData, outputs: Iterable[tuple[Any, Any]]) -> StudyMetrics:
        return StudyMetrics.from_samples(self.samples(data, outputs), data.classes)

    def measure_folds(
        self, folds: Sequence[tuple[XrayData, Iterable[tuple[Any, Any]]]]
    ) -> StudyMetrics:
        parts = [self.samples(data, outputs) for data, outputs in folds]
        return StudyMetrics.from_samples(Samples.joined(parts), folds[0][0].classes)

    def samples(self, data: XrayData, outputs: Iterable[tuple[Any, Any]]) -> Samples:
        """Predictions of a split's studies, or of its images where these have labels."""
        probabilities, xrays = [], None
        for logits_NK, batch in outputs:
            probabilities.append(logits_NK.cpu().double().softmax(dim=1).numpy())
            xrays = batch.xrays
        if xrays is None:
            raise ValueError("no batches to measure")
        scores_NK = np.concatenate(probabilities)
        if data.preprocess.labels == "opacity":
            return Samples.of_images(scores_NK, xrays.labels_N, xrays.patients)
        return Samples.of_studies(scores_NK, xrays.labels_N, xrays.patients, xrays.study_ids)

    def metrics_from_json(self, values: Any) -> StudyMetrics:
        return StudyMetrics.from_json(values)

    def predict(
        self,
        network: Callable[[Tensor], Any],
        architecture: ArchitectureSpec,
        files: Sequence[Path],
        device: torch.device,
        thresholds: Thresholds,
    ) -> Iterator[Prediction]:
        return predict_classes(network, architecture, files, device)

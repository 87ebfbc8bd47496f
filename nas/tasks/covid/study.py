"""The `covid-study` task: the class of a chest X-ray's study, or whether an image has an opacity.

For research and engineering only: never for diagnosis.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nas.data.augment import BatchAugment
from nas.data.batches import train_batch_count, train_batches
from nas.data.folds import FOLDS
from nas.data.generated_xrays import BUILT_IN_XRAY_SOURCE
from nas.data.progress import Progress
from nas.data.sampler import build_sampler
from nas.data.split_names import Split
from nas.data.visible_files import visible_files
from nas.data.xray_file import XRAY_SUFFIXES
from nas.spec.architecture import ArchitectureSpec, InputSpec
from nas.spec.definition import Head
from nas.spec.preprocess import Preprocess, XrayLabels
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch, Loss, Prediction, Task, Thresholds
from nas.tasks.classification import mean_logits
from nas.tasks.classifier import check_classifier, check_classifier_space
from nas.tasks.covid.batches import evaluation_batches
from nas.tasks.covid.data import XrayTaskData, load_task_data
from nas.tasks.covid.notice import NOT_FOR_DIAGNOSIS
from nas.tasks.covid.requirements import check_space_preprocess, xray_preprocess
from nas.tasks.covid.samples import Samples
from nas.tasks.covid.settings import settled_for_studies
from nas.tasks.covid.study_metrics import StudyMetrics
from nas.tasks.covid.study_prediction import predict_classes
from nas.tasks.covid.targets import PlacedXrays
from nas.tasks.image_settings import image_augment, image_loss
from nas.tasks.losses import ClassifierLoss

LABELS: tuple[XrayLabels, ...] = ("study", "opacity")


class CovidStudyTask(Task[XrayTaskData]):
    """Classification of studies by macro-F1: negative, typical, indeterminate, atypical.

    With `preprocess: {kind: xray, labels: opacity}` of images: none, opacity. A study's
    probabilities are the mean of its images'.
    """

    name: ClassVar[str] = "covid-study"
    first_metric: ClassVar[str] = "macro_f1"
    model_head: ClassVar[Head] = "linear"
    built_in_source: ClassVar[str] = BUILT_IN_XRAY_SOURCE
    label_kinds: ClassVar[tuple[str, ...]] = LABELS
    folds: ClassVar[int] = FOLDS
    notice: ClassVar[str] = NOT_FOR_DIAGNOSIS

    def check_architecture(self, architecture: ArchitectureSpec) -> None:
        xray_preprocess(architecture.preprocess, LABELS, self.name)
        check_classifier(architecture, self.name)

    def check_space(self, space: SpaceSpec) -> str:
        check_space_preprocess(space, LABELS)
        return check_classifier_space(space, self.name)

    def load_data(
        self,
        source: Path | None,
        input_spec: InputSpec,
        preprocess: Preprocess | None,
        *,
        splits: tuple[Split, ...] = ("train", "validation"),
        seed: int = 0,
        strict: bool = False,
        groups: Path | None = None,
        on_progress: Progress | None = None,
    ) -> XrayTaskData:
        settings = xray_preprocess(preprocess, LABELS, self.name)
        return load_task_data(
            source,
            input_spec,
            settings,
            settings.labels or "study",
            splits=splits,
            seed=seed,
            strict=strict,
            groups=groups,
            on_progress=on_progress,
        )

    def measure_normalisation(self, data: XrayTaskData) -> XrayTaskData:
        return data.normalised()

    def settled(self, training: TrainingSpec, *, built_in: bool = False) -> TrainingSpec:
        return settled_for_studies(training)

    def build_loss(self, training: TrainingSpec) -> Loss:
        return ClassifierLoss(image_loss(training))

    def mean_outputs(self, outputs: Sequence[Tensor]) -> Tensor:
        return mean_logits(outputs)

    def steps_per_epoch(self, data: XrayTaskData, training: TrainingSpec) -> int:
        return train_batch_count(data.xrays.split("train"), training.batch_size)

    def train_batches(
        self,
        data: XrayTaskData,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        images = data.xrays.split("train").images
        return train_batches(
            images,
            build_sampler(training.sampler, images.labels, generator),
            training.batch_size,
            BatchAugment(image_augment(self.settled(training))),
            data.preprocess,
            device,
            generator,
        )

    def evaluation_batches(
        self, data: XrayTaskData, split: Split, device: torch.device
    ) -> Iterator[tuple[Tensor, PlacedXrays]]:
        return evaluation_batches(data.xrays.split(split), data.preprocess, device)

    def measure(self, data: XrayTaskData, outputs: Iterable[tuple[Any, Any]]) -> StudyMetrics:
        return StudyMetrics.from_samples(self.samples(data, outputs), data.classes)

    def measure_folds(
        self, folds: Sequence[tuple[XrayTaskData, Iterable[tuple[Any, Any]]]]
    ) -> StudyMetrics:
        parts = [self.samples(data, outputs) for data, outputs in folds]
        return StudyMetrics.from_samples(Samples.joined(parts), folds[0][0].classes)

    def samples(self, data: XrayTaskData, outputs: Iterable[tuple[Any, Any]]) -> Samples:
        """What is said of a split's studies, or of its images where these have labels."""
        probabilities, xrays = [], None
        for logits_NK, placed in outputs:
            probabilities.append(logits_NK.float().softmax(dim=1).cpu().numpy())
            xrays = placed.xrays
        if xrays is None:
            raise ValueError("no batches to measure")
        scores_NK = np.concatenate(probabilities).astype(np.float64)
        if data.preprocess.labels == "opacity":
            return Samples.of_images(scores_NK, xrays.labels_N, xrays.patients)
        return Samples.of_studies(scores_NK, xrays.labels_N, xrays.patients, xrays.study_ids)

    def metrics_from_json(self, values: Any) -> StudyMetrics:
        return StudyMetrics.from_json(values)

    def find_files(self, folder: Path) -> tuple[Path, ...]:
        return visible_files(folder, XRAY_SUFFIXES)

    def predict(
        self,
        network: Callable[[Tensor], Any],
        architecture: ArchitectureSpec,
        files: Sequence[Path],
        device: torch.device,
        thresholds: Thresholds,
    ) -> Iterator[Prediction]:
        return predict_classes(network, architecture, files, device)

"""The `multilabel` task: any number of labels for each picture, known in full or in part."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.data.augment import AugmentSpec, BatchAugment
from nas.data.batches import evaluation_batches, train_batch_count, train_batches
from nas.data.dataset import DataRequest
from nas.data.decode import image_extensions
from nas.data.files import Progress, visible_files
from nas.data.image.digit_groups import DIGIT_GROUPS_SOURCE, load_digit_groups
from nas.data.image.label_table import has_many_labels
from nas.data.image.multilabel import (
    MultilabelData,
    MultilabelSet,
    load_multilabel,
    load_unlabelled_multilabel,
)
from nas.data.image.multilabel_statistics import MultilabelStatistics, multilabel_statistics
from nas.data.image.preprocess import ImagePreprocess
from nas.data.normalise import fitted_preprocess
from nas.data.sampler import SamplerKind, sampler_by_counts
from nas.data.splits import Split
from nas.data.statistics import StatisticsRequest
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.definition import Head
from nas.spec.preprocess import Preprocess
from nas.spec.space import SpaceSpec
from nas.spec.training import TaskAugment, TaskLoss, TrainingSpec
from nas.tasks.base import Batch, Loss, Metrics, Prediction, Task, Thresholds
from nas.tasks.image.losses import bernoulli_divergence
from nas.tasks.image.prediction import of_pictures, picture_logits
from nas.tasks.image.requirements import (
    at_key,
    check_classifier,
    check_classifier_space,
    image_augment,
)
from nas.tasks.multilabel.metrics import LabelScores, MultilabelMetrics
from nas.tasks.outputs import NO_NUMBERS, check_logits

EVALUATION_BATCH = 256
_SURE = 1e-7
"""Least distance of a mean probability from 0 and 1."""


class MultilabelLossSpec(TaskLoss):
    """Binary cross-entropy of each class by itself, over the known labels."""

    kind: Literal["multilabel_bce"] = "multilabel_bce"


@dataclass(frozen=True, eq=False)
class MarkedBatch:
    """Labels of an evaluation batch, on the CPU whatever device the pictures are on."""

    marks_NK: Tensor
    """int8: 1 present, -1 absent, 0 unknown."""
    group_N: Tensor


def known_label_loss(logits_NK: Tensor, marks_NK: Tensor) -> Tensor:
    """Mean binary cross-entropy over the known pairs; 0 without one."""
    targets_NK = (marks_NK > 0).float()
    known_NK = (marks_NK != 0).float()
    losses_NK = functional.binary_cross_entropy_with_logits(
        logits_NK.float(), targets_NK, weight=known_NK, reduction="none"
    )
    return losses_NK.sum() / known_NK.sum().clamp(min=1)


class MultilabelTask(Task[MultilabelData]):
    """Labels of pictures, which exclude each other or not, by macro-F1."""

    name: ClassVar[str] = "multilabel"
    primary_metric: ClassVar[str] = "macro_f1"
    metric_titles: ClassVar[Mapping[str, str]] = {"macro_f1": "macro-F1"}
    model_head: ClassVar[Head] = "linear"
    preprocess_types: ClassVar[tuple[type[Preprocess], ...]] = (ImagePreprocess,)
    loss_types: ClassVar[tuple[type[TaskLoss], ...]] = (MultilabelLossSpec,)
    augment_types: ClassVar[tuple[type[TaskAugment], ...]] = (AugmentSpec,)
    default_sampler: ClassVar[SamplerKind] = "none"
    built_in_source: ClassVar[str] = DIGIT_GROUPS_SOURCE
    needs_thresholds: ClassVar[bool] = True

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

    def load_data(
        self, request: DataRequest, on_progress: Progress | None = None
    ) -> MultilabelData:
        given = request.preprocess
        request = request.prepared(ImagePreprocess() if given is None else of_pictures(given))
        if request.source is None:
            data = load_digit_groups(request)
        else:
            data = load_multilabel(request, request.source, on_progress)
        return data if data.preprocess.says_normalisation else self.measure_normalisation(data)

    def holds(self, source: Path) -> bool:
        """Whether it is a table, or a folder with images.csv, of many labels."""
        table = source / "images.csv" if source.is_dir() else source
        return table.suffix.lower() == ".csv" and table.is_file() and has_many_labels(table)

    def statistics(
        self, request: StatisticsRequest, on_progress: Progress | None = None
    ) -> MultilabelStatistics:
        return multilabel_statistics(request, on_progress)

    def measure_normalisation(self, data: MultilabelData) -> MultilabelData:
        """The same pictures; mean and std of each channel are the training split's."""
        train = data.split("train")
        return replace(data, preprocess=fitted_preprocess(data.preprocess, train.pixels))

    def resolved(self, training: TrainingSpec, *, built_in: bool = False) -> TrainingSpec:
        """The settings with loss and augmentation written out; built-in digits are not mirrored.

        Raises NasError for the settings of another task.
        """
        self._refuse_others(training)
        augment = image_augment(training)
        if built_in:
            augment = augment.model_copy(update={"flip": False, "rotate_180": False})
        loss = training.loss or MultilabelLossSpec()
        return training.model_copy(update={"loss": loss, "augment": augment})

    def _refuse_others(self, training: TrainingSpec) -> None:
        if training.pseudo_labelling is not None:
            raise NasError("the multilabel task adds no labels", key="training.pseudo_labelling")
        if training.loss is not None and not isinstance(training.loss, MultilabelLossSpec):
            raise NasError(
                f"{training.loss.kind} is no loss of the multilabel task; allowed: multilabel_bce",
                key="training.loss.kind",
            )

    def build_loss(self, training: TrainingSpec) -> Loss:
        self._refuse_others(training)
        return known_label_loss

    def check_teacher(self, data: MultilabelData, teacher_data: MultilabelData) -> None:
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
        """Mean divergence of the classes' softened probabilities, unknown labels included."""
        divergence = bernoulli_divergence(outputs.float() / temperature, soft[0] / temperature)
        return divergence.mean() * temperature**2

    def load_unlabelled(
        self, request: DataRequest, on_progress: Progress | None = None
    ) -> MultilabelData:
        """The pictures of a folder and of those below it, whatever their names."""
        return load_unlabelled_multilabel(request, on_progress)

    def decisions(self, data: MultilabelData, outputs: Tensor) -> Tensor:
        """(N, K) whether a picture has a label."""
        thresholds = data.thresholds or {}
        threshold_K = torch.tensor([thresholds[name] for name in data.classes])
        return outputs.float().cpu().sigmoid() >= threshold_K

    def mean_outputs(self, outputs: Sequence[Tensor]) -> Tensor:
        """Logits of the mean probabilities."""
        probabilities_MNK = torch.stack([logits_NK.float().sigmoid() for logits_NK in outputs])
        return probabilities_MNK.mean(dim=0).logit(eps=_SURE)

    def thresholds_of(self, metrics: Metrics) -> Thresholds:
        return metrics.thresholds if isinstance(metrics, MultilabelMetrics) else {}

    def steps_per_epoch(self, data: MultilabelData, training: TrainingSpec) -> int:
        return train_batch_count(data.split("train"), training.batch_size)

    def train_batches(
        self,
        data: MultilabelData,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        """With a weighted sampler a picture is drawn by the rarest of its labels."""
        train = data.split("train")
        marks_NK = torch.from_numpy(train.marks_NK).to(device)
        kind = training.sampler or self.default_sampler
        batches = train_batches(
            train,
            sampler_by_counts(kind, rarest_counts(train), generator),
            training.batch_size,
            BatchAugment(image_augment(training)),
            data.preprocess,
            device,
            generator,
        )
        for x_NCHW, numbers_N in batches:
            yield x_NCHW, marks_NK[numbers_N]

    def evaluation_batches(
        self, data: MultilabelData, split: Split, device: torch.device
    ) -> Iterator[Batch]:
        pictures = data.split(split)
        marks_NK, group_N = torch.from_numpy(pictures.marks_NK), torch.from_numpy(pictures.group_N)
        batches = evaluation_batches(pictures, EVALUATION_BATCH, data.preprocess, device)
        for x_NCHW, numbers_N in batches:
            chosen = numbers_N.cpu()
            yield x_NCHW, MarkedBatch(marks_NK[chosen], group_N[chosen])

    def measure(
        self, data: MultilabelData, outputs: Iterable[tuple[Any, Any]]
    ) -> MultilabelMetrics:
        found = [(logits.cpu().double().sigmoid().numpy(), batch) for logits, batch in outputs]
        if not found:
            raise ValueError("no batches to measure")
        scores = LabelScores(
            np.concatenate([scores_NK for scores_NK, _ in found]),
            np.concatenate([batch.marks_NK.numpy() for _, batch in found]),
            np.concatenate([batch.group_N.numpy() for _, batch in found]),
        )
        return MultilabelMetrics.from_scores(scores, data.classes, data.thresholds)

    def metrics_from_json(self, values: Mapping[str, Any]) -> MultilabelMetrics:
        return MultilabelMetrics.from_json(values)

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
        """`labels`, joined by `|`, and `probabilities` by class of each file, in order."""
        for path, logits_K in picture_logits(network, architecture, files, device):
            if isinstance(logits_K, str):
                yield Prediction(str(path), error=logits_K)
            elif not logits_K.isfinite().all():
                yield Prediction(str(path), error=NO_NUMBERS)
            else:
                row = dict(
                    zip(architecture.classes, logits_K.double().sigmoid().tolist(), strict=True)
                )
                found = [name for name, value in row.items() if value >= thresholds[name]]
                values = {"labels": "|".join(found), "probabilities": row}
                yield Prediction(str(path), values)


def rarest_counts(pictures: MultilabelSet) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """(N,) pictures that have the rarest of a picture's labels; of one without, those without."""
    present_NK = pictures.marks_NK == 1
    bare_N1 = ~present_NK.any(axis=1, keepdims=True)
    present = np.concatenate([present_NK, bare_N1], axis=1)
    counts = np.where(present, present.sum(axis=0), len(present))
    rarest: np.ndarray[Any, np.dtype[np.int64]] = counts.min(axis=1).astype(np.int64)
    return rarest

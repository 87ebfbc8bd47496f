"""Base of the two tasks of chest X-rays: data, splits and files."""

from abc import ABC
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from nas.data.augment import AugmentSpec
from nas.data.batches import train_batch_count
from nas.data.dataset import DataRequest
from nas.data.files import Progress, visible_files
from nas.data.normalise import fitted_preprocess
from nas.data.splits import Split
from nas.data.statistics import StatisticsRequest
from nas.data.synthetic.xrays import BUILT_IN_XRAY_SOURCE
from nas.data.xray.dataset import XrayData
from nas.data.xray.decode import XRAY_SUFFIXES
from nas.data.xray.folds import FOLDS
from nas.data.xray.load import load_xrays
from nas.data.xray.preprocess import XrayLabels, XrayPreprocess
from nas.data.xray.source import holds_xrays
from nas.data.xray.statistics import XrayStatistics, xray_statistics
from nas.spec.preprocess import Preprocess
from nas.spec.training import TaskAugment, TrainingSpec
from nas.tasks.base import Task
from nas.tasks.covid.batches import XrayBatch, evaluation_batches
from nas.tasks.covid.requirements import xray_preprocess

NOT_FOR_DIAGNOSIS = "for research and engineering only, not for diagnosis"


class XrayTask(Task[XrayData], ABC):
    """A task whose data are X-rays in SIIM's tables, divided into folds by patient."""

    labels: ClassVar[tuple[XrayLabels, ...]]
    """Kinds of labels, the default first."""
    preprocess_types: ClassVar[tuple[type[Preprocess], ...]] = (XrayPreprocess,)
    augment_types: ClassVar[tuple[type[TaskAugment], ...]] = (AugmentSpec,)
    built_in_source: ClassVar[str] = BUILT_IN_XRAY_SOURCE
    folds: ClassVar[int] = FOLDS
    notice: ClassVar[str] = NOT_FOR_DIAGNOSIS

    def load_data(self, request: DataRequest, on_progress: Progress | None = None) -> XrayData:
        given = xray_preprocess(request.preprocess, self.labels, self.name)
        prepared = given.model_copy(update={"labels": given.labels or self.labels[0]})
        data = load_xrays(request.prepared(prepared), on_progress)
        return data if prepared.says_normalisation else self.measure_normalisation(data)

    def holds(self, source: Path) -> bool:
        return holds_xrays(source)

    def statistics(
        self, request: StatisticsRequest, on_progress: Progress | None = None
    ) -> XrayStatistics:
        return xray_statistics(request, on_progress)

    def measure_normalisation(self, data: XrayData) -> XrayData:
        """The same X-rays; mean and std are those of the training split."""
        train = data.split("train")
        return replace(data, preprocess=fitted_preprocess(data.preprocess, train.pixels))

    def steps_per_epoch(self, data: XrayData, training: TrainingSpec) -> int:
        return train_batch_count(data.split("train"), training.batch_size)

    def evaluation_batches(
        self, data: XrayData, split: Split, device: torch.device
    ) -> Iterator[tuple[Tensor, XrayBatch]]:
        return evaluation_batches(data.split(split), data.preprocess, device)

    def find_files(self, folder: Path) -> tuple[Path, ...]:
        return visible_files(folder, XRAY_SUFFIXES)

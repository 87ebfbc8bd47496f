"""What the two tasks of chest X-rays share: their data, splits and files."""

from abc import ABC
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from nas.data.augment import AugmentSpec
from nas.data.batches import train_batch_count
from nas.data.files import Progress, visible_files
from nas.data.request import DataRequest
from nas.data.splits import Split
from nas.data.synthetic.xrays import BUILT_IN_XRAY_SOURCE
from nas.data.xray.decode import XRAY_SUFFIXES
from nas.data.xray.folds import FOLDS
from nas.data.xray.load import load_xrays
from nas.data.xray.preprocess import XrayLabels, XrayPreprocess
from nas.spec.preprocess import Preprocess
from nas.spec.training import TaskAugment, TrainingSpec
from nas.tasks.base import Task
from nas.tasks.covid.batches import XrayBatch, evaluation_batches
from nas.tasks.covid.data import XrayTaskData
from nas.tasks.covid.requirements import xray_preprocess

NOT_FOR_DIAGNOSIS = "for research and engineering only, not for diagnosis"


class XrayTask(Task[XrayTaskData], ABC):
    """A task whose data are X-rays in SIIM's tables, divided into folds by patient."""

    labels: ClassVar[tuple[XrayLabels, ...]]
    """What may be learned, the default first."""
    preprocess_types: ClassVar[tuple[type[Preprocess], ...]] = (XrayPreprocess,)
    augment_types: ClassVar[tuple[type[TaskAugment], ...]] = (AugmentSpec,)
    built_in_source: ClassVar[str] = BUILT_IN_XRAY_SOURCE
    folds: ClassVar[int] = FOLDS
    notice: ClassVar[str] = NOT_FOR_DIAGNOSIS

    def load_data(self, request: DataRequest, on_progress: Progress | None = None) -> XrayTaskData:
        given = xray_preprocess(request.preprocess, self.labels, self.name)
        prepared = given.model_copy(update={"labels": given.labels or self.labels[0]})
        xrays = load_xrays(request.prepared(prepared), on_progress)
        data = XrayTaskData(xrays, prepared, request.input)
        return data if prepared.says_normalisation else data.normalised()

    def measure_normalisation(self, data: XrayTaskData) -> XrayTaskData:
        return data.normalised()

    def steps_per_epoch(self, data: XrayTaskData, training: TrainingSpec) -> int:
        return train_batch_count(data.xrays.split("train"), training.batch_size)

    def evaluation_batches(
        self, data: XrayTaskData, split: Split, device: torch.device
    ) -> Iterator[tuple[Tensor, XrayBatch]]:
        return evaluation_batches(data.xrays.split(split), data.preprocess, device)

    def find_files(self, folder: Path) -> tuple[Path, ...]:
        return visible_files(folder, XRAY_SUFFIXES)

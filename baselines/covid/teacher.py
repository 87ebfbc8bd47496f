"""The first of three steps: a teacher that sees opacities and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from baselines.covid.masked_batches import masked_batches
from baselines.covid.masking import masked
from nas.data.split_names import Split
from nas.errors import NasError
from nas.model.build import build_network
from nas.spec.architecture import load_architecture
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch
from nas.tasks.covid.data import XrayTaskData
from nas.tasks.covid.study import CovidStudyTask
from nas.tasks.covid.targets import PlacedXrays, boxes_of
from nas.train.trained import ARCHITECTURE_FILE, WEIGHTS_FILE
from nas.train.weights import load_weights


class TeacherTask(CovidStudyTask):
    """`covid-study` on X-rays that are black outside their boxes, in training, validation and test.

    An image without boxes is black all over, whatever its label: so is, with the labels `study`, a
    copy that nobody annotated.
    """

    def load_data(self, *arguments: Any, **options: Any) -> XrayTaskData:
        data = super().load_data(*arguments, **options)
        train = data.xrays.train
        if train is not None and not any(len(boxes_B4) for boxes_B4 in train.boxes):
            raise NasError(
                "no training image has a box: the teacher sees nothing", file=data.source
            )
        return data

    def train_batches(
        self,
        data: XrayTaskData,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        for batch in masked_batches(data, self.settled(training), generator, device):
            yield batch.masked_NCHW, batch.labels_N

    def evaluation_batches(
        self, data: XrayTaskData, split: Split, device: torch.device
    ) -> Iterator[tuple[Tensor, PlacedXrays]]:
        for x_NCHW, placed in super().evaluation_batches(data, split, device):
            boxes = boxes_of(placed.xrays, list(placed.places), device)
            yield masked(x_NCHW, boxes, data.preprocess), placed


def load_teacher(run: Path, device: torch.device) -> nn.Module:
    """The network of a finished first step, frozen: in eval mode, its weights without gradients."""
    teacher = build_network(load_architecture(run / ARCHITECTURE_FILE))
    load_weights(teacher, run / WEIGHTS_FILE)
    teacher = teacher.to(device).to(memory_format=torch.channels_last)
    return teacher.eval().requires_grad_(False)

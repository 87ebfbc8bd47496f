"""The first of three steps: a teacher that sees opacities and nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.data.dataset import DataRequest
from nas.data.files import Progress
from nas.data.normalise import Normalise
from nas.data.splits import Split
from nas.data.xray.dataset import XrayData
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.model.build import build_network
from nas.spec.architecture import load_architecture
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch
from nas.tasks.covid.batches import XrayBatch, box_batches, boxes_of
from nas.tasks.covid.study import CovidStudyTask
from nas.tasks.image.requirements import image_augment
from nas.train.trained import ARCHITECTURE_FILE
from nas.train.weights import WEIGHTS_FILE, load_weights


def inside_boxes(boxes: Sequence[Tensor], size: tuple[int, int], device: torch.device) -> Tensor:
    """bool (N, H, W): the pixels whose centre lies in a box of their image.

    `boxes` are (B, 4) of each image, x1 y1 x2 y2 in pixels; `size` is (height, width).
    """
    y_H, x_W = (torch.arange(side, device=device) + 0.5 for side in size)
    inside_NHW = torch.zeros((len(boxes), *size), dtype=torch.bool, device=device)
    for image, boxes_B4 in enumerate(boxes):
        x1, y1, x2, y2 = boxes_B4.to(device).unsqueeze(-1).unbind(dim=1)
        rows_BH = (y1 <= y_H) & (y_H < y2)
        columns_BW = (x1 <= x_W) & (x_W < x2)
        inside_NHW[image] = (rows_BH[:, :, None] & columns_BW[:, None, :]).any(dim=0)
    return inside_NHW


def masked(x_NCHW: Tensor, boxes: Sequence[Tensor], preprocess: XrayPreprocess) -> Tensor:
    """Normalised images, black outside their boxes; one without boxes is black all over."""
    channels, size = x_NCHW.shape[1], (x_NCHW.shape[2], x_NCHW.shape[3])
    normalise = Normalise(preprocess, channels, x_NCHW.device)
    black_1C11 = normalise(x_NCHW.new_zeros((1, channels, 1, 1)))
    inside_NHW = inside_boxes(boxes, size, x_NCHW.device)
    return torch.where(inside_NHW[:, None], x_NCHW, black_1C11)


@dataclass(frozen=True, eq=False)
class MaskedBatch:
    """The same augmented images twice, normalised."""

    x_NCHW: Tensor
    masked_NCHW: Tensor
    """Black outside their boxes, which the augmentation moved along."""
    labels_N: Tensor


def masked_batches(
    data: XrayData, training: TrainingSpec, generator: torch.Generator, device: torch.device
) -> Iterator[MaskedBatch]:
    """One epoch of the training split; `training` is resolved by the task."""
    train, augment = data.split("train"), image_augment(training)
    batches = box_batches(train, data.preprocess, training, augment, generator, device)
    for x_NCHW, targets in batches:
        masked_NCHW = masked(x_NCHW, targets.boxes, data.preprocess)
        yield MaskedBatch(x_NCHW, masked_NCHW, targets.labels_N)


class TeacherTask(CovidStudyTask):
    """`covid-study` on X-rays that are black outside their boxes, in training, validation and test.

    An image without boxes is black all over, whatever its label: so is, with the labels `study`, a
    copy that nobody annotated.
    """

    def load_data(self, request: DataRequest, on_progress: Progress | None = None) -> XrayData:
        data = super().load_data(request, on_progress)
        train = data.splits.get("train")
        if train is not None and not any(len(boxes_B4) for boxes_B4 in train.boxes):
            raise NasError(
                "no training image has a box: the teacher sees nothing", file=data.source
            )
        return data

    def train_batches(
        self,
        data: XrayData,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        for batch in masked_batches(data, self.resolved(training), generator, device):
            yield batch.masked_NCHW, batch.labels_N

    def evaluation_batches(
        self, data: XrayData, split: Split, device: torch.device
    ) -> Iterator[tuple[Tensor, XrayBatch]]:
        for x_NCHW, batch in super().evaluation_batches(data, split, device):
            boxes = boxes_of(batch.xrays, list(batch.indices), device)
            yield masked(x_NCHW, boxes, data.preprocess), batch


def load_teacher(run: Path, device: torch.device) -> nn.Module:
    """The network of a finished first step, frozen: in eval mode, its weights without gradients."""
    teacher = build_network(load_architecture(run / ARCHITECTURE_FILE))
    load_weights(teacher, run / WEIGHTS_FILE)
    teacher = teacher.to(device).to(memory_format=torch.channels_last)
    return teacher.eval().requires_grad_(False)

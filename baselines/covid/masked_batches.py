"""Training batches of whole X-rays and of what the teacher sees of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.covid.masking import masked
from nas.spec.training import TrainingSpec
from nas.tasks.covid.batches import box_batches
from nas.tasks.covid.data import XrayTaskData
from nas.tasks.image_settings import image_augment


@dataclass(frozen=True, eq=False)
class MaskedBatch:
    """The same augmented images twice, normalised."""

    x_NCHW: Tensor
    masked_NCHW: Tensor
    """Black outside their boxes, which the augmentation moved along."""
    labels_N: Tensor


def masked_batches(
    data: XrayTaskData, training: TrainingSpec, generator: torch.Generator, device: torch.device
) -> Iterator[MaskedBatch]:
    """One epoch of the training split; `training` is settled by the task."""
    train, augment = data.xrays.split("train"), image_augment(training)
    batches = box_batches(train, data.preprocess, training, augment, generator, device)
    for x_NCHW, targets in batches:
        masked_NCHW = masked(x_NCHW, targets.boxes, data.preprocess)
        yield MaskedBatch(x_NCHW, masked_NCHW, targets.labels_N)

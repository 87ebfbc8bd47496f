"""Batches of X-rays for training and evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from nas.data.augment import AugmentSpec, BatchAugment
from nas.data.batches import evaluation_batches as image_batches
from nas.data.batches import gather
from nas.data.normalise import Normalise
from nas.data.sampler import build_sampler
from nas.data.xray.dataset import XraySet
from nas.data.xray.preprocess import XrayPreprocess
from nas.spec.training import TrainingSpec


@dataclass(frozen=True, eq=False)
class BoxTargets:
    """Opacities of a training batch's images, in the network's input."""

    boxes: tuple[Tensor, ...]
    """float32 (B, 4) of each image: x1, y1, x2, y2 in pixels of the input, on its device."""
    labels_N: Tensor
    """int64: see `XraySet.labels_N`."""
    size: tuple[int, int]
    """Height and width of the input."""


@dataclass(frozen=True, eq=False)
class XrayBatch:
    """Images of an evaluation batch, as indices into their set."""

    xrays: XraySet
    indices: range


def boxes_of(xrays: XraySet, indices: list[int], device: torch.device) -> tuple[Tensor, ...]:
    """The boxes of these images of a set; fresh memory."""
    return tuple(
        torch.tensor(xrays.boxes[index], device=device).reshape(-1, 4) for index in indices
    )


EVALUATION_BATCH = 32
"""Batch size of evaluation."""


def evaluation_batches(
    xrays: XraySet, preprocess: XrayPreprocess, device: torch.device
) -> Iterator[tuple[Tensor, XrayBatch]]:
    """All images once, in the set's order, unchanged."""
    start = 0
    for x_NCHW, _ in image_batches(xrays, EVALUATION_BATCH, preprocess, device):
        indices = range(start, start + len(x_NCHW))
        start = indices.stop
        yield x_NCHW, XrayBatch(xrays, indices)


def box_batches(
    xrays: XraySet,
    preprocess: XrayPreprocess,
    training: TrainingSpec,
    augment: AugmentSpec,
    generator: torch.Generator,
    device: torch.device,
) -> Iterator[tuple[Tensor, BoxTargets]]:
    """One epoch in the sampler's order; boxes go where the augmentation moves their pixels.

    `training.sampler` evens out images with and without a box. A last batch of one is dropped.
    """
    order = iter(build_sampler(training.sampler, xrays.labels_N, generator))
    _, height, width, channels = xrays.pixels.shape
    normalise = Normalise(preprocess, channels, device)
    while len(chosen := list(islice(order, training.batch_size))) > 1:
        x_NCHW, labels_N = gather(xrays, np.asarray(chosen), device)
        x_NCHW, moves = BatchAugment(augment).with_moves(x_NCHW, generator)
        boxes = moves.boxes(boxes_of(xrays, chosen, device))
        yield normalise(x_NCHW), BoxTargets(boxes, labels_N, (height, width))

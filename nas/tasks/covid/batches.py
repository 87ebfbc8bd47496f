"""Batches of X-rays for training and evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.augment import AugmentSpec, BatchAugment
from nas.data.batches import LabelledPixels, gather
from nas.data.batches import evaluation_batches as image_batches
from nas.data.boxes import TrueBoxes
from nas.data.normalise import Normalise
from nas.data.preprocess import PixelPreprocess
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
    classes: tuple[Tensor, ...] | None = None
    """int64 (B,) of each image: the numbers of its boxes' classes; None where there is one."""


@dataclass(frozen=True, eq=False)
class XrayBatch:
    """Images of an evaluation batch, as indices into their set."""

    xrays: XraySet
    indices: range


class BoxedPixels(LabelledPixels, Protocol):
    """Decoded images of a split, with boxes."""

    @property
    def boxes(self) -> tuple[TrueBoxes, ...]:
        """(B, 4) of each image, in pixels of the input."""

    @property
    def box_classes(self) -> tuple[NDArray[np.int64], ...] | None:
        """(B,) of each image; None where there is one class."""


def boxes_of(xrays: BoxedPixels, indices: list[int], device: torch.device) -> tuple[Tensor, ...]:
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
    xrays: BoxedPixels,
    preprocess: PixelPreprocess,
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
        boxes = boxes_of(xrays, chosen, device)
        classes = None
        if xrays.box_classes is None:
            boxes = moves.boxes(boxes)
        else:
            own = [torch.tensor(xrays.box_classes[index], device=device) for index in chosen]
            pairs = zip(boxes, own, strict=True)
            rows = [torch.cat([boxes_B4, own_B[:, None]], dim=1) for boxes_B4, own_B in pairs]
            moved = moves.boxes(rows)
            boxes = tuple(rows_B5[:, :4] for rows_B5 in moved)
            classes = tuple(rows_B5[:, 4].long() for rows_B5 in moved)
        yield normalise(x_NCHW), BoxTargets(boxes, labels_N, (height, width), classes)

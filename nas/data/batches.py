"""Batches of images: from arrays of uint8 pixels to normalised tensors on a device."""

from collections.abc import Callable, Iterator, Sized
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler

from nas.data.decode import Pixels
from nas.data.normalise import Normalise
from nas.data.preprocess import PixelPreprocess


class LabelledPixels(Protocol):
    """The decoded images of a split, one class each."""

    @property
    def pixels(self) -> Pixels:
        """(N, H, W, C)."""

    @property
    def labels_N(self) -> NDArray[np.int64]:
        """Number of each image's class."""

    def __len__(self) -> int: ...


LabelledBatch = tuple[Tensor, Tensor]
"""x_NCHW, float32, normalised, channels_last; labels_N, int64."""

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""From x_NCHW uint8 and a generator to x_NCHW, uint8 or float32 on the scale of 0 to 255."""


def train_batches(
    images: LabelledPixels,
    sampler: Sampler[int],
    batch_size: int,
    augment: Augment | None,
    preprocess: PixelPreprocess,
    device: torch.device,
    generator: torch.Generator,
) -> Iterator[LabelledBatch]:
    """One epoch in the sampler's order, augmented by `generator`'s draws (a CPU generator).

    The last batch holds what is left, but a single image is dropped: batch normalisation has no
    variance of one value a channel.
    """
    normalise = Normalise(preprocess, images.pixels.shape[3], device)
    positions = iter(sampler)
    while len(chosen := list(islice(positions, batch_size))) > 1:
        x_NCHW, labels_N = gather(images, np.asarray(chosen), device)
        yield normalise(x_NCHW if augment is None else augment(x_NCHW, generator)), labels_N


def train_batch_count(sampler: Sized, batch_size: int) -> int:
    """Number of batches of `train_batches` in an epoch."""
    full, rest = divmod(len(sampler), batch_size)
    return full + (rest > 1)


def evaluation_batches(
    images: LabelledPixels, batch_size: int, preprocess: PixelPreprocess, device: torch.device
) -> Iterator[LabelledBatch]:
    """All images once, in the set's order, not augmented."""
    normalise = Normalise(preprocess, images.pixels.shape[3], device)
    for start in range(0, len(images), batch_size):
        chosen = np.arange(start, min(start + batch_size, len(images)))
        x_NCHW, labels_N = gather(images, chosen, device)
        yield normalise(x_NCHW), labels_N


def gather(
    images: LabelledPixels, chosen: NDArray[np.int64], device: torch.device
) -> LabelledBatch:
    """x_NCHW uint8 in channels_last, and labels; fresh memory."""
    x_NHWC = torch.from_numpy(images.pixels[chosen])
    labels_N = torch.from_numpy(images.labels_N[chosen])
    return (
        x_NHWC.to(device, non_blocking=True).permute(0, 3, 1, 2),
        labels_N.to(device, non_blocking=True),
    )

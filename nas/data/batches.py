"""From arrays of uint8 pixels to normalised batches on a device."""

from collections.abc import Callable, Iterator, Sized
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler

from nas.data.image_set import ImageSet
from nas.spec.preprocess import ImagePreprocess

Batch = tuple[Tensor, Tensor]
"""x_NCHW, float32, normalised, channels_last; labels_N, int64."""

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""From x_NCHW uint8 and a generator to x_NCHW, uint8 or float32 on the scale of 0 to 255."""


def train_batches(
    image_set: ImageSet,
    sampler: Sampler[int],
    batch_size: int,
    augment: Augment | None,
    preprocess: ImagePreprocess,
    device: torch.device,
    generator: torch.Generator,
) -> Iterator[Batch]:
    """One epoch in the sampler's order, augmented by `generator`'s draws (a CPU generator).

    The last batch holds what is left, but a single image is dropped: batch normalisation has no
    variance of one value a channel.
    """
    normalise = Normalise(preprocess, image_set.pixels.shape[3], device)
    positions = iter(sampler)
    first = True
    while chosen := list(islice(positions, batch_size)):
        if len(chosen) == 1 and not first:
            return
        first = False
        x_NCHW, labels_N = _gather(image_set, np.asarray(chosen), device)
        yield normalise(x_NCHW if augment is None else augment(x_NCHW, generator)), labels_N


def train_batch_count(sampler: Sized, batch_size: int) -> int:
    """Batches that `train_batches` yields in an epoch."""
    full, rest = divmod(len(sampler), batch_size)
    return max(full + (rest > 1), 1)


def evaluation_batches(
    image_set: ImageSet, batch_size: int, preprocess: ImagePreprocess, device: torch.device
) -> Iterator[Batch]:
    """All images once, in the set's order, not augmented."""
    normalise = Normalise(preprocess, image_set.pixels.shape[3], device)
    for start in range(0, len(image_set), batch_size):
        chosen = np.arange(start, min(start + batch_size, len(image_set)))
        x_NCHW, labels_N = _gather(image_set, chosen, device)
        yield normalise(x_NCHW), labels_N


class Normalise:
    """From values of 0 to 255 to `(value / 255 - mean) / std` of each channel, float32."""

    def __init__(self, preprocess: ImagePreprocess, channels: int, device: torch.device) -> None:
        mean = torch.tensor(_per_channel(preprocess.mean, channels, "mean"), dtype=torch.float64)
        std = torch.tensor(_per_channel(preprocess.std, channels, "std"), dtype=torch.float64)
        self._scale_C = (1 / (255 * std)).float().to(device)
        self._shift_C = (-mean / std).float().to(device)

    def __call__(self, x_NCHW: Tensor) -> Tensor:
        """A new tensor in channels_last."""
        samples, channels, height, width = x_NCHW.shape
        x_NHWC = x_NCHW.permute(0, 2, 3, 1).contiguous()
        # Whole rows of pixels: the arithmetic runs along 3 W values instead of 3.
        x_rows = x_NHWC.view(samples * height, width * channels)
        scaled = x_rows.float() * self._scale_C.repeat(width)
        out_rows = scaled.add_(self._shift_C.repeat(width))
        return out_rows.view(samples, height, width, channels).permute(0, 3, 1, 2)


def _per_channel(values: tuple[float, ...], channels: int, name: str) -> list[float]:
    if len(values) == channels:
        return list(values)
    # The same for every channel, however many there are: a grey network takes the defaults too.
    if len(set(values)) == 1:
        return [values[0]] * channels
    raise ValueError(f"preprocess.{name} has {len(values)} values for {channels} channels")


def _gather(image_set: ImageSet, chosen: NDArray[np.int64], device: torch.device) -> Batch:
    """x_NCHW uint8 in channels_last, and labels; fresh memory."""
    x_NHWC = torch.from_numpy(image_set.pixels[chosen])
    labels_N = torch.from_numpy(image_set.labels[chosen])
    return (
        x_NHWC.to(device, non_blocking=True).permute(0, 3, 1, 2),
        labels_N.to(device, non_blocking=True),
    )

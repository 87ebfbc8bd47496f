"""Mean and std of each channel: measured on the training images, applied to every batch."""

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from nas.data.decode import Pixels
from nas.data.preprocess import PixelPreprocess

_AT_ONCE = 1024
"""Images of which sums are taken at once."""


def channel_statistics(pixels_NHWC: Pixels) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over all pixels, on the scale of 0 to 1.

    Exact (whole numbers are summed). The std is at least 1/255, so that constant images can
    be normalised.
    """
    channels = pixels_NHWC.shape[3]
    sums = np.zeros(channels, dtype=np.int64)
    squares = np.zeros(channels, dtype=np.int64)
    for start in range(0, len(pixels_NHWC), _AT_ONCE):
        chunk = pixels_NHWC[start : start + _AT_ONCE]
        for channel in range(channels):
            counts = np.bincount(chunk[..., channel].ravel(), minlength=256)
            sums[channel] += counts @ np.arange(256)
            squares[channel] += counts @ np.arange(256) ** 2
    pixels = pixels_NHWC[..., 0].size
    mean = sums / pixels
    std = np.sqrt(np.maximum(squares / pixels - mean**2, 1.0))
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())


Preprocess = TypeVar("Preprocess", bound=PixelPreprocess)


def fitted_preprocess(preprocess: Preprocess, pixels_NHWC: Pixels) -> Preprocess:
    """`preprocess` with mean and std of these images, rounded to 4 digits for the file."""
    mean, std = channel_statistics(pixels_NHWC)
    return preprocess.model_copy(
        update={
            "mean": tuple(round(value, 4) for value in mean),
            "std": tuple(round(value, 4) for value in std),
        }
    )


class Normalise:
    """From values of 0 to 255 to `(value / 255 - mean) / std` of each channel, float32."""

    def __init__(self, preprocess: PixelPreprocess, channels: int, device: torch.device) -> None:
        mean, std = torch.tensor(preprocess.per_channel(channels), dtype=torch.float64)
        self._scale_C = (1 / (255 * std)).float().to(device)
        self._shift_C = (-mean / std).float().to(device)

    def __call__(self, x_NCHW: Tensor) -> Tensor:
        """In channels_last; a float32 input may be overwritten."""
        samples, channels, height, width = x_NCHW.shape
        x_NHWC = x_NCHW.permute(0, 2, 3, 1).contiguous()
        # Whole rows of pixels: the arithmetic runs along 3 W values instead of 3.
        x_rows = x_NHWC.view(samples * height, width * channels)
        # In place: fresh memory of a few megabytes costs more than the arithmetic on it.
        out_rows = x_rows.float().mul_(self._scale_C.repeat(width))
        out_rows.add_(self._shift_C.repeat(width))
        return out_rows.view(samples, height, width, channels).permute(0, 3, 1, 2)

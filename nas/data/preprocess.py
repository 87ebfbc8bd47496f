"""Preprocessing that pictures and X-rays share."""

from typing import Annotated, Literal

from pydantic import Field

from nas.spec.validate import Frozen

ChannelValues = tuple[Annotated[float, Field(strict=True, allow_inf_nan=False)], ...]
ChannelStds = tuple[Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)], ...]


class PixelPreprocess(Frozen):
    """Resized to the input, normalised by channel."""

    interpolation: Literal["bilinear", "bicubic", "lanczos", "nearest"] = "bilinear"
    """Resampling filter of the resize (Pillow's, antialiased)."""
    mean: ChannelValues = (0.5, 0.5, 0.5)
    """Subtracted from each channel, on the scale of 0 to 1."""
    std: ChannelStds = (0.25, 0.25, 0.25)
    """Divides each channel after the mean is subtracted, on the scale of 0 to 1."""

    def per_channel(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std of each of so many channels. Raises ValueError for another number."""
        return _repeated(self.mean, channels, "mean"), _repeated(self.std, channels, "std")


def _repeated(values: tuple[float, ...], channels: int, name: str) -> tuple[float, ...]:
    if len(values) == channels:
        return values
    # The same for every channel, however many there are: a grey network takes the defaults too.
    if len(set(values)) == 1:
        return values[:1] * channels
    raise ValueError(f"preprocess.{name} has {len(values)} values for {channels} channels")

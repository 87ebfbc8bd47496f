"""Augmentation of whole batches of training windows. N windows, F bands, W frames."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from nas.spec.training import TaskAugment
from nas.spec.validate import Share


class SpectrogramAugmentSpec(TaskAugment):
    """Augmentation of whole batches of training windows."""

    kind: Literal["spectrogram"] = "spectrogram"
    time_shift: Share = 0.5
    """Largest random shift of a window's start, as a share of the window; labels move along."""
    frequency_masks: Annotated[int, Field(strict=True, ge=0, le=8)] = 2
    """Frequency masks (SpecAugment, Park et al. 2019)."""
    frequency_mask_share: Share = 0.1
    """Largest height of a frequency mask, as a share of the bands."""
    time_masks: Annotated[int, Field(strict=True, ge=0, le=8)] = 2
    """Time masks."""
    time_mask_share: Share = 0.05
    """Largest length of a time mask, as a share of the window."""
    gain_db: Annotated[float, Field(strict=True, ge=0, le=60)] = 6.0
    """Largest random gain, up or down."""
    noise_db: Annotated[float, Field(strict=True, ge=0, le=60)] = 2.0
    """Largest standard deviation of Gaussian noise on the log-mel values."""
    mixup: Literal["none", "input", "last_layer"] = "none"
    """Mix pairs of windows (Zhang et al. 2018): spectrograms, or the features before the head."""
    mixup_alpha: Annotated[float, Field(strict=True, gt=0, le=100)] = 0.1
    """Mixup: the weight of a pair is drawn from Beta(alpha, alpha)."""


class SpectrogramAugment:
    """Random gain, noise, frequency masks and time masks, different for each window.

    Masks are those of SpecAugment (Park et al. 2019, arXiv:1904.08779, section 2): lengths are
    drawn evenly from 0 to the largest, then a position that holds them. Shifts of time are drawn
    with the windows, mixed pairs after them.
    """

    def __init__(self, spec: SpectrogramAugmentSpec, mean_db: float) -> None:
        """`mean_db`, the mean of the training data, fills the masks."""
        self._spec = spec
        self._mean_db = mean_db

    def __call__(self, mel_NFW: Tensor, generator: torch.Generator) -> Tensor:
        """The same tensor, float32 log-mel values in dB, changed in place.

        The generator is of the tensor's device.
        """
        spec = self._spec
        windows, bands, frames = mel_NFW.shape
        if spec.gain_db:
            gain_N = (2 * _even((windows,), generator) - 1) * spec.gain_db
            mel_NFW += gain_N[:, None, None]
        if spec.noise_db:
            sd_N = _even((windows,), generator) * spec.noise_db
            noise_NFW = torch.empty_like(mel_NFW).normal_(generator=generator)
            mel_NFW += noise_NFW.mul_(sd_N[:, None, None])
        mask_NF = _masked(
            windows, bands, spec.frequency_masks, spec.frequency_mask_share, generator
        )
        mask_NW = _masked(windows, frames, spec.time_masks, spec.time_mask_share, generator)
        return mel_NFW.masked_fill_(mask_NF[:, :, None] | mask_NW[:, None, :], self._mean_db)


def _even(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Numbers from 0 to 1 on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


def _masked(
    windows: int, size: int, masks: int, share: float, generator: torch.Generator
) -> Tensor:
    """(N, size) bool: what `masks` stretches of up to `share` of the size cover."""
    largest = round(share * size)
    length_MN1, start_MN1 = _even((2, masks, windows, 1), generator)
    length_MN1 = (length_MN1 * (largest + 1)).long()
    start_MN1 = (start_MN1 * (size - length_MN1 + 1)).long()
    position_S = torch.arange(size, device=generator.device)
    covered_MNS: Tensor = (position_S >= start_MN1) & (position_S < start_MN1 + length_MN1)
    return covered_MNS.any(dim=0)

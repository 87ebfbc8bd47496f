"""Mean and std against NumPy on all pixels at once."""

import numpy as np
import pytest
import torch

from nas.data.image.preprocess import ImagePreprocess
from nas.data.normalise import Normalise, channel_statistics, fitted_preprocess


@pytest.mark.parametrize("channels", [1, 3])
def test_mean_and_std(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (1500, 4, 5, channels), dtype=np.uint8)
    mean, std = channel_statistics(pixels)
    np.testing.assert_allclose(mean, (pixels / 255).mean(axis=(0, 1, 2)), rtol=1e-10)
    np.testing.assert_allclose(std, (pixels / 255).std(axis=(0, 1, 2)), rtol=1e-10)


def test_constant_images_can_be_normalised() -> None:
    images = np.full((3, 2, 2, 3), 51, dtype=np.uint8)
    preprocess = fitted_preprocess(ImagePreprocess(turn_portrait=False), images)
    assert preprocess.mean == (0.2, 0.2, 0.2)
    assert preprocess.std == (0.0039, 0.0039, 0.0039)
    assert not preprocess.turn_portrait


def test_a_fitted_set_has_mean_0_and_std_1() -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (100, 8, 8, 3), dtype=np.uint8)
    preprocess = fitted_preprocess(ImagePreprocess(), pixels)
    normalise = Normalise(preprocess, 3, torch.device("cpu"))
    x = normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    assert x.mean(dim=(0, 2, 3)).abs().max() < 1e-3
    assert (x.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3
    planar = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    assert torch.equal(normalise(planar), x)

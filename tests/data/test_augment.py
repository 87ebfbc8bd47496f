"""Batch augmentation against the same change made image by image in NumPy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.data.augment import AugmentSpec, BatchAugment

OFF = AugmentSpec(flip=False, rotate_180=False, crop_padding=0, colour=0, cutout=0)


def batch(samples: int = 64, channels: int = 3, height: int = 7, width: int = 10) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    size = (samples, channels, height, width)
    x = torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)
    return x.contiguous(memory_format=torch.channels_last)


def changed(x: Tensor, seed: int = 0, **settings: object) -> Tensor:
    spec = OFF.model_copy(update=settings)
    return BatchAugment(spec)(x, torch.Generator().manual_seed(seed))


def test_all_off_changes_nothing() -> None:
    x = batch()
    out = changed(x)
    assert torch.equal(out, x)
    assert out.data_ptr() != x.data_ptr()


@pytest.mark.parametrize(
    ("settings", "axes"),
    [({"flip": True}, [[2]]), ({"rotate_180": True}, [[1, 2]])],
    ids=["flip", "turn"],
)
def test_half_of_the_images_are_mirrored(settings: dict[str, bool], axes: list[list[int]]) -> None:
    x = batch(samples=600)
    out = changed(x, **settings)
    same = sum(torch.equal(a, b) for a, b in zip(out, x, strict=True))
    moved = sum(torch.equal(a, b.flip(axes[0])) for a, b in zip(out, x, strict=True))
    assert same + moved == 600
    assert 240 < same < 360


def test_flip_and_turn_together_give_four_kinds() -> None:
    x = batch(samples=800)
    out = changed(x, flip=True, rotate_180=True)
    for axes in ([], [1], [2], [1, 2]):
        kind = sum(torch.equal(a, b.flip(axes)) for a, b in zip(out, x, strict=True))
        assert 150 < kind < 250


def test_a_shift_is_a_crop_of_the_reflected_image() -> None:
    x = batch(samples=200)
    out = changed(x, crop_padding=0.3)
    down, right = round(0.3 * 7), round(0.3 * 10)
    padding = ((0, 0), (down, down), (right, right))
    shifts = set()
    for image, original in zip(out.numpy(), x.numpy(), strict=True):
        padded = np.pad(original, padding, mode="reflect")
        crops = [
            (top, left)
            for top in range(2 * down + 1)
            for left in range(2 * right + 1)
            if np.array_equal(padded[:, top : top + 7, left : left + 10], image)
        ]
        assert len(crops) == 1
        shifts.update(crops)
    assert {top for top, _ in shifts} == set(range(2 * down + 1))
    assert {left for _, left in shifts} == set(range(2 * right + 1))


def test_colour_is_brightness_contrast_saturation_one_by_one() -> None:
    x = batch(samples=32) // 2 + 60
    out = changed(x, seed=5, colour=0.3)
    draws = torch.rand((9, 32), generator=torch.Generator().manual_seed(5)).double().numpy()
    luma = np.array([0.299, 0.587, 0.114])
    for number in range(32):
        brightness, contrast, saturation = 1 + 0.3 * (2 * draws[4:7, number] - 1)
        image = x[number].double().numpy().transpose(1, 2, 0) * brightness
        image = contrast * image + (1 - contrast) * (image @ luma).mean()
        image = saturation * image + (1 - saturation) * (image @ luma)[..., None]
        expected = image.clip(0, 255).transpose(2, 0, 1)
        np.testing.assert_allclose(out[number].numpy(), expected, atol=1e-3)


def test_colours_stay_in_range_and_factors_differ_by_image() -> None:
    out = changed(batch(samples=64), colour=1.0)
    assert out.dtype == torch.float32
    assert out.min() >= 0
    assert out.max() <= 255
    grey = torch.full((50, 3, 4, 4), 100, dtype=torch.uint8)
    levels = changed(grey, colour=0.2).mean(dim=(1, 2, 3))
    assert len(levels.unique()) == 50
    assert 80 <= levels.min() < 85
    assert 115 < levels.max() <= 120.001


@pytest.mark.parametrize("as_float", [False, True])
def test_cutout_fills_one_rectangle_with_the_mean(as_float: bool) -> None:
    x = batch(samples=100)
    if as_float:
        x = x.float() / 255
    out = changed(x, cutout=0.4)
    corners = set()
    for image, original in zip(out, x, strict=True):
        mean = original.float().mean(dim=(1, 2)).to(x.dtype)
        rows, columns = np.nonzero((image != original).any(0).numpy())
        top, left = rows.min(), columns.min()
        cut = image[:, top : rows.max() + 1, left : columns.max() + 1]
        assert cut.shape[1:] == (3, 4)
        assert torch.allclose(cut, mean[:, None, None].expand_as(cut))
        corners.add((int(top), int(left)))
    assert {top for top, _ in corners} == set(range(7 - 3 + 1))
    assert {left for _, left in corners} == set(range(10 - 4 + 1))


ALL = {"flip": True, "rotate_180": True, "crop_padding": 0.2, "colour": 0.2, "cutout": 0.3}


@pytest.mark.parametrize("channels", [1, 3])
def test_deterministic_channels_last_and_input_untouched(channels: int) -> None:
    x = batch(channels=channels)
    before = x.clone()
    first, again, other = (changed(x, seed=seed, **ALL) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(x, before)
    assert first.is_contiguous(memory_format=torch.channels_last)
    planar = changed(x.contiguous(), seed=1, **ALL)
    assert torch.equal(planar, first)


def test_float_images_of_0_to_1_change_as_uint8_does() -> None:
    x = batch()
    settings = {**ALL, "cutout": 0.0}
    out = changed(x.float() / 255, **settings)
    torch.testing.assert_close(out * 255, changed(x, **settings), atol=1e-3, rtol=1e-5)
    kept = x.float() / 255
    before = kept.clone()
    changed(kept, **settings)
    assert torch.equal(kept, before)


def test_one_change_does_not_move_the_draws_of_another() -> None:
    x = batch()
    assert torch.equal(changed(x, crop_padding=0.2), changed(x, crop_padding=0.2, rotate_180=False))
    plain, cut = changed(x, flip=True), changed(x, flip=True, cutout=0.3)
    assert ((plain == cut).float().mean() > 0.8).item()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (2, 3)])
def test_tiny_images(height: int, width: int) -> None:
    x = batch(samples=5, height=height, width=width)
    out = changed(x, **{**ALL, "crop_padding": 0.5, "cutout": 0.9})
    assert out.shape == x.shape
    assert out.isfinite().all()

"""Changes to batches of spectrograms: extents, distributions, and that windows are independent."""

import pytest
import torch
from torch import Tensor

from nas.data.audio.augment import SpectrogramAugment, SpectrogramAugmentSpec

OFF = SpectrogramAugmentSpec(
    time_shift=0.0, frequency_masks=0, time_masks=0, gain_db=0.0, noise_db=0.0
)
MEAN_DB = -41.5


def batch(windows: int = 400, bands: int = 20, frames: int = 50) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand((windows, bands, frames), generator=generator) * 60 - 20


def changed(x: Tensor, seed: int = 0, **settings: object) -> Tensor:
    augment = SpectrogramAugment(OFF.model_copy(update=settings), MEAN_DB)
    return augment(x.clone(), torch.Generator().manual_seed(seed))


def test_all_off_changes_nothing() -> None:
    assert torch.equal(changed(batch()), batch())


def test_works_in_place() -> None:
    x = batch(windows=2)
    augment = SpectrogramAugment(SpectrogramAugmentSpec(), MEAN_DB)
    assert augment(x, torch.Generator().manual_seed(0)).data_ptr() == x.data_ptr()


def test_the_generator_alone_decides() -> None:
    everything = SpectrogramAugmentSpec().model_dump()
    first = changed(batch(), seed=3, **everything)
    torch.rand(5)
    assert torch.equal(changed(batch(), seed=3, **everything), first)
    assert not torch.equal(changed(batch(), seed=4, **everything), first)


def test_gain_is_one_even_draw_a_window() -> None:
    gain_NFW = changed(batch(), gain_db=6.0) - batch()
    gain_N = gain_NFW.mean(dim=(1, 2))
    assert torch.allclose(gain_NFW, gain_N[:, None, None].expand_as(gain_NFW), atol=1e-4)
    assert gain_N.abs().max() <= 6.001
    assert gain_N.mean().item() == pytest.approx(0, abs=0.6)
    assert gain_N.std().item() == pytest.approx(12 / 12**0.5, rel=0.1)  # of an even draw


def test_noise_has_a_deviation_of_its_own_in_each_window() -> None:
    noise_NFW = changed(batch(), noise_db=2.0) - batch()
    sd_N = noise_NFW.flatten(1).std(dim=1)
    assert sd_N.max() < 2.2
    assert sd_N.min() < 0.1
    assert sd_N.mean().item() == pytest.approx(1.0, rel=0.1)
    assert noise_NFW.mean().item() == pytest.approx(0, abs=0.01)
    neighbours = (noise_NFW[:, :, 1:] * noise_NFW[:, :, :-1]).mean() / noise_NFW.square().mean()
    assert neighbours.item() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(
    ("settings", "axis", "longest"),
    [
        ({"frequency_masks": 1, "frequency_mask_share": 0.3}, 1, 6),
        ({"time_masks": 1, "time_mask_share": 0.1}, 2, 5),
        ({"time_masks": 1, "time_mask_share": 1.0}, 2, 50),
    ],
)
def test_a_mask_is_a_stretch_of_every_length_anywhere(
    settings: dict[str, object], axis: int, longest: int
) -> None:
    x = batch(windows=3000)
    out = changed(x, **settings)
    masked_NFW = out == MEAN_DB
    assert torch.equal(out[~masked_NFW], x[~masked_NFW])
    masked_NS = masked_NFW.any(dim=3 - axis)
    assert torch.equal(masked_NS, masked_NFW.all(dim=3 - axis))  # over the whole other axis
    length_N = masked_NS.sum(dim=1)
    starts = masked_NS[:, :1].long() + (masked_NS[:, 1:] & ~masked_NS[:, :-1]).sum(1, keepdim=True)
    assert torch.equal(starts[:, 0], (length_N > 0).long())  # in one piece
    assert set(length_N.tolist()) == set(range(longest + 1))
    assert length_N.double().mean().item() == pytest.approx(longest / 2, rel=0.05)
    assert masked_NS.any(dim=0).all()  # every place is masked at times, the ends too


def test_masks_of_both_axes_together_and_apart_in_each_window() -> None:
    spec = {"frequency_masks": 2, "time_masks": 3, "time_mask_share": 0.2}
    masked_NFW = changed(batch(), **spec) == MEAN_DB
    bands_NF, frames_NW = masked_NFW.all(dim=2), masked_NFW.all(dim=1)
    assert torch.equal(masked_NFW, bands_NF[:, :, None] | frames_NW[:, None, :])
    assert bands_NF.sum(dim=1).max() <= 4
    assert len(frames_NW.unique(dim=0)) > 380

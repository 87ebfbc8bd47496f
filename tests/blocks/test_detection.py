"""The detection head: what its numbers mean."""

from math import log

import pytest
import torch

from blocks.detection import DetectionHead, DetectionHeadConfig


def test_distances_are_pixels_of_the_input() -> None:
    """With all weights 0 each side is softplus(0) = log 2 strides away, at each map's stride."""
    head = DetectionHead(4, 3, 2, "ReLU").eval()
    with torch.no_grad():
        head.predict.weight.zero_()
        head.predict.bias.zero_()
        maps = [torch.randn(1, 4, 2, 3), torch.randn(1, 4, 1, 2), torch.randn(1, 4, 1, 1)]
        found = head(maps)
    strides = torch.tensor([8.0] * 6 + [16.0] * 2 + [32.0])
    torch.testing.assert_close(
        found.distances_NP4, (log(2) * strides)[None, :, None].expand(1, 9, 4)
    )
    assert found.centre_logits_NP.tolist() == [[0.0] * 9]


def test_an_object_is_rare_at_first() -> None:
    head = DetectionHead(4, 2, 3, "ReLU").eval()
    with torch.no_grad():
        head.predict.weight.zero_()
        head.predict.bias.zero_()
        found = head([torch.randn(1, 4, 2, 2), torch.randn(1, 4, 1, 1)])
    assert found.class_logits_NPK.sigmoid().unique().item() == pytest.approx(0.01, rel=1e-3)


def test_locations_go_row_by_row_from_the_finest_map() -> None:
    """A map that is bright at one location has the highest logit there."""
    torch.manual_seed(0)
    head = DetectionHead(4, 2, 1, "ReLU").eval()
    with torch.no_grad():
        maps = [torch.zeros(1, 4, 3, 5), torch.zeros(1, 4, 2, 3)]
        dark = head(maps).class_logits_NPK[0, :, 0]
        maps[1][0, :, 1, 2] = 9.0
        changed = (head(maps).class_logits_NPK[0, :, 0] - dark).abs()
    assert changed[:15].max() == 0
    neighbours = {15 + 3 * row + column for row in (0, 1) for column in (1, 2)}
    assert set(changed.nonzero()[:, 0].tolist()) <= neighbours
    assert 15 + 3 * 1 + 2 in changed.nonzero()[:, 0].tolist()


def test_maps_of_two_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="maps of one width"):
        DetectionHeadConfig(out=1).build((16, 8, 8, 24, 4, 4))

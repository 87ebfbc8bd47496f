"""The bidirectional pyramid, worked by hand on maps of one channel."""

import pytest
import torch
from torch import nn

from blocks.bifpn import BiFPN, BiFPNConfig, WeightedSum


def test_fusion_is_normalised_and_rectified() -> None:
    node = WeightedSum(3)
    with torch.no_grad():
        node.weight.copy_(torch.tensor([3.0, 1.0, -5.0]))
    found = node(torch.tensor(8.0), torch.tensor(4.0), torch.tensor(1e6))
    assert found.item() == pytest.approx((3 * 8 + 1 * 4) / 4, rel=1e-3)


def test_nodes_are_those_of_the_paper() -> None:
    """Without convolutions and with equal weights every node is a mean.

    Maps 1 (2x2), 10 (1x1 doubled to 2x2) ... : middle down (10 + 100) / 2 = 55, finest
    (1 + 55) / 2 = 28, middle up (10 + 55 + 28) / 3 = 31, coarsest (100 + 31) / 2 = 65.5.
    """
    network = BiFPN([1, 1, 1], 1, "ReLU").eval()
    for merge in (*network.down, *network.up):
        merge.conv = nn.Identity()
    maps = [
        torch.full((1, 1, 4, 4), 1.0),
        torch.full((1, 1, 2, 2), 10.0),
        torch.full((1, 1, 1, 1), 100.0),
    ]
    with torch.no_grad():
        finest, middle, coarsest = network(maps)
    torch.testing.assert_close(finest, torch.full((1, 1, 4, 4), 28.0), rtol=1e-3, atol=0)
    torch.testing.assert_close(middle, torch.full((1, 1, 2, 2), 31.0), rtol=1e-3, atol=0)
    torch.testing.assert_close(coarsest, torch.full((1, 1, 1, 1), 65.5), rtol=1e-3, atol=0)


def test_widths_are_joined_once() -> None:
    """A map of the neck's own width needs no lateral convolution."""
    network = BiFPNConfig(out=16).build((16, 8, 8, 24, 4, 4, 16, 2, 2))
    kinds = [type(part) is nn.Identity for part in network.lateral]
    assert kinds == [True, False, True]


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="3x4 is not half of the map before, 8x8"):
        BiFPNConfig(out=16).build((16, 8, 8, 16, 3, 4))

"""EfficientNet's block against torchvision's, and its arithmetic by hand."""

import pytest
from torch import nn
from torchvision.models import efficientnet

from blocks.mbconv import MBConvConfig
from tests.blocks.macs import counted_macs, parameters
from tests.blocks.parity import assert_same_function, images


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("out", [24, 40])
@pytest.mark.parametrize("expand", [1, 2.6, 4, 6])
def test_is_torchvisions(expand: float, out: int, kernel: int, stride: int) -> None:
    config = MBConvConfig(expand=expand, out=out, stride=stride, kernel=kernel)
    theirs = efficientnet.MBConv(
        efficientnet.MBConvConfig(expand, kernel, stride, 24, out, 1),
        stochastic_depth_prob=0.0,
        norm_layer=nn.BatchNorm2d,
    )
    assert_same_function(config.build((24, 13, 10)), theirs, images(3, 24, 13, 10))


def test_macs_by_hand() -> None:
    """24 x 6 = 144 hidden; the squeeze has 24 // 4 = 6 channels."""
    config = MBConvConfig(expand=6, out=40, stride=2, kernel=5)
    expected = 9 * 13 * 24 * 144 + 5 * 7 * 144 * 25 + 2 * 144 * 6 + 5 * 7 * 144 * 40
    assert counted_macs(config, (24, 9, 13)) == expected
    squeeze = 2 * 144 * 6 + 6 + 144
    norms = 2 * (144 + 144 + 40)
    assert parameters(config, (24, 9, 13)) == 24 * 144 + 25 * 144 + squeeze + 144 * 40 + norms


def test_hidden_channels_decide_the_identity() -> None:
    one, same, other = (MBConvConfig(expand=expand, out=24) for expand in (2.6, 2.8, 3.0))
    assert one.identity((24, 8, 8)) == same.identity((24, 8, 8)) != other.identity((24, 8, 8))


def test_squeeze_never_vanishes() -> None:
    """3 // 4 is 0 channels: one is kept, as in torchvision."""
    narrow = MBConvConfig(expand=4, out=8)
    assert narrow.layout(3).squeeze == 1

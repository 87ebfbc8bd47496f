"""MobileNetV2's and MobileNetV3's blocks against torchvision's, and their arithmetic by hand."""

from functools import partial

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torchvision.models import mobilenetv2, mobilenetv3

from blocks.inverted_residual import InvertedResidualv2Config, InvertedResidualv3Config
from tests.blocks.macs import counted_macs, parameters
from tests.blocks.parity import assert_same_function, images


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("out", [24, 32])
@pytest.mark.parametrize("expand", [1, 2, 2.6, 6])
def test_v2_is_torchvisions(expand: float, out: int, stride: int) -> None:
    ours = InvertedResidualv2Config(out=out, expand=expand, stride=stride).build((24, 13, 10))
    theirs = mobilenetv2.InvertedResidual(24, out, stride, expand)
    assert_same_function(ours, theirs, images(3, 24, 13, 10))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("hs", [False, True])
@pytest.mark.parametrize("se", [False, True])
@pytest.mark.parametrize("out", [24, 40])
@pytest.mark.parametrize(("kernel", "expand"), [(3, 1), (5, 2.6), (3, 4.5), (7, 6)])
def test_v3_is_torchvisions(
    kernel: int, expand: float, out: int, se: bool, hs: bool, stride: int
) -> None:
    config = InvertedResidualv3Config(
        kernel=kernel, expand=expand, out=out, se=se, hs=hs, stride=stride
    )
    activation = "HS" if hs else "RE"
    theirs = mobilenetv3.InvertedResidual(
        mobilenetv3.InvertedResidualConfig(
            24, kernel, int(24 * expand), out, se, activation, stride, 1, 1.0
        ),
        norm_layer=partial(nn.BatchNorm2d, eps=0.001),  # as its MobileNetV3 does
    )
    assert_same_function(config.build((24, 13, 10)), theirs, images(3, 24, 13, 10))


def test_v3_has_the_epsilon_of_torchvisions_network() -> None:
    theirs = mobilenetv3.mobilenet_v3_small(num_classes=2).features[2]
    ours = InvertedResidualv3Config(kernel=3, expand=4.5, out=24, stride=2).build((16, 8, 8))
    norms = [part for part in ours.modules() if isinstance(part, nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {
        part.eps for part in theirs.modules() if isinstance(part, nn.BatchNorm2d)
    }
    assert {norm.momentum for norm in norms} == {0.1}


def test_v3_hidden_channels_decide_the_identity() -> None:
    """24 x 2.6 and 24 x 2.8 both round to 64."""
    shape = (24, 8, 8)
    one, same, other = (
        InvertedResidualv3Config(kernel=3, expand=expand, out=24) for expand in (2.6, 2.8, 3.0)
    )
    assert one.identity(shape) == same.identity(shape)
    assert one.identity(shape) != other.identity(shape)
    assert one.identity((48, 8, 8)) != same.identity((48, 8, 8))  # 125 and 134: 128 and 136


def test_v2_hidden_channels_decide_the_identity() -> None:
    one, same, other = (
        InvertedResidualv2Config(out=24, expand=expand) for expand in (2.0, 2.01, 2.1)
    )
    assert one.identity((24, 8, 8)) == same.identity((24, 8, 8))
    assert one.identity((24, 8, 8)) != other.identity((24, 8, 8))
    assert parameters(one, (24, 8, 8)) == parameters(same, (24, 8, 8))


def test_v2_leaves_out_the_expansion_only_at_one() -> None:
    """1.01 keeps 24 hidden channels, but torchvision's block has a convolution there."""
    without, with_expansion = (
        InvertedResidualv2Config(out=24, expand=expand) for expand in (1, 1.01)
    )
    assert without.identity((24, 8, 8)) != with_expansion.identity((24, 8, 8))
    extra = parameters(with_expansion, (24, 8, 8)) - parameters(without, (24, 8, 8))
    assert extra == 24 * 24 + 2 * 24


def test_every_setting_that_counts_is_in_the_identity() -> None:
    base = {"kernel": 3, "expand": 2, "out": 24, "se": False, "hs": False, "stride": 1}
    changes = [
        {},
        {"kernel": 5},
        {"expand": 3},
        {"out": 32},
        {"se": True},
        {"hs": True},
        {"stride": 2},
    ]
    configs = [InvertedResidualv3Config.model_validate(base | change) for change in changes]
    assert len({config.identity((24, 8, 8)) for config in configs}) == len(changes)


def test_v2_macs_by_hand() -> None:
    """24 -> 144 at 9x13, depthwise at stride 2 to 5x7, 144 -> 32."""
    config = InvertedResidualv2Config(out=32, expand=6, stride=2)
    expected = 9 * 13 * 24 * 144 + 5 * 7 * 144 * 9 + 5 * 7 * 144 * 32
    assert counted_macs(config, (24, 9, 13)) == expected
    norms = 2 * (144 + 144 + 32)
    assert parameters(config, (24, 9, 13)) == 24 * 144 + 9 * 144 + 144 * 32 + norms


def test_v3_macs_by_hand() -> None:
    """24 x 4 = 96 hidden, 24 in the squeeze, which has biases."""
    config = InvertedResidualv3Config(kernel=5, expand=4, out=40, se=True, hs=True, stride=2)
    expected = 9 * 13 * 24 * 96 + 5 * 7 * 96 * 25 + 2 * 96 * 24 + 5 * 7 * 96 * 40
    assert counted_macs(config, (24, 9, 13)) == expected
    squeeze = 2 * 96 * 24 + 24 + 96
    norms = 2 * (96 + 96 + 40)
    assert parameters(config, (24, 9, 13)) == 24 * 96 + 25 * 96 + squeeze + 96 * 40 + norms


def test_residual_only_where_shapes_allow_it() -> None:
    x = images(1, 16, 8, 8)
    for out, stride, adds in ((16, 1, True), (16, 2, False), (24, 1, False)):
        block = InvertedResidualv2Config(out=out, expand=2, stride=stride).build((16, 8, 8)).eval()
        for parameter in block.parameters():
            nn.init.zeros_(parameter)
        y = block(x)
        assert torch.equal(y, x) if adds else not y.any()


def test_even_kernels_are_refused() -> None:
    with pytest.raises(ValidationError, match="kernel of 4"):
        InvertedResidualv3Config(kernel=4, expand=2, out=16)

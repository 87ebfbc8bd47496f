"""EfficientNet's block against torchvision's, and its arithmetic by hand."""

from functools import partial

import pytest
from timm.models._efficientnet_blocks import InvertedResidual
from torch import nn
from torchvision.models import efficientnet

from blocks.mbconv import MBConvConfig
from tests.blocks.macs import counted_macs, parameters
from tests.blocks.parity import assert_same_function, images

LITE = {"se": False, "activation": "ReLU6", "padding": "same", "norm_eps": 1e-3}
"""What makes it the block of EfficientNet-Lite."""


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


@pytest.mark.parametrize("size", [(8, 12), (7, 9), (8, 9), (3, 2), (1, 1)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("out", [24, 40])
def test_lite_is_timms(out: int, kernel: int, stride: int, size: tuple[int, int]) -> None:
    """Without squeeze, with ReLU6 and TensorFlow's padding, whose sides differ by the size."""
    config = MBConvConfig.model_validate(
        {"expand": 6, "out": out, "stride": stride, "kernel": kernel, **LITE}
    )
    theirs = InvertedResidual(
        24,
        out,
        dw_kernel_size=kernel,
        stride=stride,
        exp_ratio=6.0,
        pad_type="same",
        act_layer=nn.ReLU6,
        norm_layer=partial(nn.BatchNorm2d, eps=1e-3),
    )
    assert_same_function(config.build((24, *size)), theirs, images(3, 24, *size))


def test_lite_macs_by_hand() -> None:
    """As with padding on both sides, and without the squeeze."""
    config = MBConvConfig.model_validate({"expand": 6, "out": 40, "stride": 2, "kernel": 5, **LITE})
    expected = 8 * 13 * 24 * 144 + 4 * 7 * 144 * 25 + 4 * 7 * 144 * 40
    assert counted_macs(config, (24, 8, 13)) == expected
    assert parameters(config, (24, 8, 13)) == 24 * 144 + 25 * 144 + 144 * 40 + 2 * (288 + 40)


def test_identity_of_a_block_as_it_was_is_as_it_was() -> None:
    """Hashes of networks that were trained before the variants came must hold."""
    identity = MBConvConfig(expand=6, out=40, stride=2, kernel=5).identity((24, 9, 13))
    assert identity == (
        "InvertedResidual", 24, 144, True, 40, 5, 2, "SiLU", 6, "SiLU", "Sigmoid", 1e-5,
    )  # fmt: skip


def test_every_variant_that_counts_is_in_the_identity() -> None:
    base = {"expand": 2, "out": 24, "stride": 2}
    changes = [{}, {"se": False}, {"activation": "ReLU6"}, {"padding": "same"}, {"norm_eps": 1e-3}]
    configs = [MBConvConfig.model_validate(base | change) for change in changes]
    assert len({config.identity((24, 8, 8)) for config in configs}) == len(changes)


def test_both_paddings_are_one_at_stride_one() -> None:
    one, other = (MBConvConfig(expand=2, out=24, padding=padding) for padding in (None, "same"))
    assert one.identity((24, 8, 8)) == other.identity((24, 8, 8))


def test_weights_of_both_paddings_have_the_same_names() -> None:
    one, other = (
        MBConvConfig(expand=2, out=24, stride=2, padding=padding).build((24, 8, 8))
        for padding in (None, "same")
    )
    assert list(one.state_dict()) == list(other.state_dict())

"""Padding, groups and identity of the convolutions."""

from math import gcd

import pytest
import torch
from pydantic import ValidationError
from timm.layers import Conv2dSame
from torch import nn

from blocks import BLOCKS
from blocks.conv import ConvConfig, DWConvConfig, FixedConvConfig
from tests.blocks.macs import counted_macs, parameters
from tests.blocks.parity import images


def test_padding_zero_is_zero_and_null_is_automatic() -> None:
    shape = (3, 9, 13)
    assert ConvConfig(out=8, kernel=3, padding=0).output_shape(shape) == (8, 7, 11)
    assert ConvConfig(out=8, kernel=3, padding=None).output_shape(shape) == (8, 9, 13)
    assert ConvConfig(out=8, kernel=5).output_shape(shape) == (8, 9, 13)
    assert DWConvConfig(out=6, kernel=3, padding=0).output_shape(shape) == (6, 7, 11)
    for padding, expected in ((0, (0, 0)), (None, (2, 2)), (1, (1, 1))):
        network = ConvConfig(out=8, kernel=5, padding=padding).build(shape)
        assert [part.padding for part in network if isinstance(part, nn.Conv2d)] == [expected]


@pytest.mark.parametrize(("in_channels", "out"), [(16, 24), (16, 16), (3, 16), (24, 8), (5, 7)])
def test_depthwise_groups_are_the_common_divisor(in_channels: int, out: int) -> None:
    network = DWConvConfig(out=out).build((in_channels, 8, 8))
    groups = [part.groups for part in network.modules() if isinstance(part, nn.Conv2d)]
    assert groups == [gcd(in_channels, out)]


def test_identity_is_equal_where_the_computation_is() -> None:
    shape = (16, 8, 8)
    depthwise = DWConvConfig(out=24, kernel=3, stride=2, activation="ReLU")
    grouped = ConvConfig(out=24, kernel=3, stride=2, groups=8, activation="ReLU")
    assert depthwise.identity(shape) == grouped.identity(shape)
    assert depthwise.identity((12, 8, 8)) != grouped.identity((16, 8, 8))
    assert FixedConvConfig(out=24).identity(shape) == ConvConfig(out=24).identity(shape)
    assert DWConvConfig(out=7).identity(shape) == ConvConfig(out=7).identity(shape)
    assert ConvConfig(out=8, padding=1).identity(shape) == ConvConfig(out=8).identity(shape)
    assert ConvConfig(out=8, padding=0).identity(shape) != ConvConfig(out=8).identity(shape)
    assert ConvConfig(out=8, activation=None).identity(shape) != ConvConfig(out=8).identity(shape)


def test_classifiers_keep_their_width_in_rows() -> None:
    """As many outputs as classes are never scaled or rounded; all other widths are."""
    assert FixedConvConfig.fixed_width
    assert not any(BLOCKS[name].fixed_width for name in ("Conv", "DWConv", "MBConv", "Bottleneck"))


@pytest.mark.parametrize(
    ("config", "macs", "weights"),
    [
        (ConvConfig(out=24, kernel=5, stride=2), 5 * 7 * 24 * 16 * 25, 24 * 16 * 25),
        (ConvConfig(out=24, kernel=3, groups=4), 9 * 13 * 24 * 4 * 9, 24 * 4 * 9),
        (FixedConvConfig(out=10, kernel=1), 9 * 13 * 10 * 16, 10 * 16),
        (DWConvConfig(out=24, kernel=3), 9 * 13 * 24 * 2 * 9, 24 * 2 * 9),
        (DWConvConfig(out=16, kernel=3, padding=0), 7 * 11 * 16 * 9, 16 * 9),
    ],
)
def test_macs_by_hand(config: ConvConfig | DWConvConfig, macs: int, weights: int) -> None:
    assert counted_macs(config, (16, 9, 13)) == macs
    assert parameters(config, (16, 9, 13)) == weights + 2 * config.out


@pytest.mark.parametrize("config_class", [ConvConfig, DWConvConfig])
def test_computes_the_formula(config_class: type[ConvConfig] | type[DWConvConfig]) -> None:
    """activation(batch_norm(convolution)), the convolution without a bias."""
    network = config_class(out=24, kernel=3, stride=2, activation="SiLU").build((16, 9, 9)).eval()
    (conv,) = (part for part in network.modules() if isinstance(part, nn.Conv2d))
    (norm,) = (part for part in network.modules() if isinstance(part, nn.BatchNorm2d))
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    x = images(2, 16, 9, 9)
    y = nn.functional.conv2d(x, conv.weight, None, 2, 1, groups=conv.groups)
    shape = (1, 24, 1, 1)
    y = (y - norm.running_mean.view(shape)) / (norm.running_var.view(shape) + 1e-5).sqrt()
    torch.testing.assert_close(network(x), y * torch.sigmoid(y))


def test_refuses_groups_that_do_not_divide() -> None:
    with pytest.raises(ValueError, match="groups 4 must divide the input channels, 18"):
        ConvConfig(out=16, groups=4).output_shape((18, 8, 8))
    with pytest.raises(ValueError, match="output channels, 18"):
        ConvConfig(out=18, groups=4).build((16, 8, 8))


@pytest.mark.parametrize(
    "settings",
    [
        {"out": 0},
        {"out": 16.0},
        {"out": True},
        {"out": 16, "stride": 0},
        {"out": 16, "kernel": -1},
        {"out": 16, "padding": -1},
        {"out": 16, "activation": "Relu"},
        {"out": 16, "activation": "Linear"},
        {"out": 16, "activation": False},
        {},
    ],
)
def test_refuses_settings_outside_their_range(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ConvConfig.model_validate(settings)


@pytest.mark.parametrize("size", [(8, 12), (7, 9), (8, 9), (1, 2)])
@pytest.mark.parametrize(
    ("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (4, 1), (4, 2), (2, 3), (1, 2)]
)
def test_same_padding_is_timms(kernel: int, stride: int, size: tuple[int, int]) -> None:
    config = ConvConfig(out=24, kernel=kernel, stride=stride, padding="same", activation=None)
    ours = config.build((16, *size)).eval()
    theirs = Conv2dSame(16, 24, kernel, stride, bias=False)
    theirs.load_state_dict({"weight": ours.state_dict()["0.weight"]})
    x = images(2, 16, *size)
    expected = theirs(x) / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(ours(x), expected)
    assert config.output_shape((16, *size)) == expected.shape[1:]
    assert config.output_shape((16, *size))[1:] == tuple(-(-side // stride) for side in size)


def test_same_padding_counts_as_another_computation_only_where_it_is_one() -> None:
    shape = (16, 8, 8)
    for stride, equal in ((1, True), (2, False)):
        plain, same = (
            ConvConfig(out=8, stride=stride, padding=padding) for padding in (None, "same")
        )
        assert (plain.identity(shape) == same.identity(shape)) is equal


def test_epsilon_is_in_the_normalisation_and_the_identity() -> None:
    plain, other = ConvConfig(out=8), ConvConfig(out=8, norm_eps=1e-3)
    assert plain.identity((16, 8, 8)) == ("Conv", 8, 3, 1, 1, 1, "ReLU")  # as hashes have it
    assert plain.identity((16, 8, 8)) != other.identity((16, 8, 8))
    norms = (part for part in other.build((16, 8, 8)).modules() if hasattr(part, "eps"))
    assert [norm.eps for norm in norms] == [1e-3]

"""ShuffleNetV2's units against torchvision's, their channels, and their arithmetic by hand."""

import pytest
import torch
from torchvision.models import shufflenetv2

from blocks.shufflenet import ShuffleNetV2Config
from tests.blocks.macs import counted_macs, parameters
from tests.blocks.parity import assert_same_function, images


@pytest.mark.parametrize("in_channels", [2, 24, 58])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_is_torchvisions(in_channels: int, stride: int) -> None:
    out = in_channels if stride == 1 else 2 * in_channels
    ours = ShuffleNetV2Config(stride=stride).build((in_channels, 13, 10))
    theirs = shufflenetv2.InvertedResidual(in_channels, out, stride)
    assert_same_function(ours, theirs, images(3, in_channels, 13, 10))


@pytest.mark.parametrize(("in_channels", "out"), [(24, 116), (24, 16), (5, 8)])
def test_another_width_is_torchvisions(in_channels: int, out: int) -> None:
    ours = ShuffleNetV2Config(stride=2, out=out).build((in_channels, 13, 10))
    theirs = shufflenetv2.InvertedResidual(in_channels, out, 2)
    assert_same_function(ours, theirs, images(3, in_channels, 13, 10))


def test_width_of_its_own_is_for_strides_only() -> None:
    assert ShuffleNetV2Config(out=24).output_shape((24, 8, 8)) == (24, 8, 8)
    with pytest.raises(ValueError, match="keeps its 24 channels: out 32"):
        ShuffleNetV2Config(out=32).output_shape((24, 8, 8))


def test_twice_the_channels_is_the_same_network_written_out() -> None:
    plain, same, other = (ShuffleNetV2Config(stride=2, out=out) for out in (None, 48, 64))
    assert plain.identity((24, 8, 8)) == same.identity((24, 8, 8)) == ("ShuffleNetV2", 2)
    assert plain.identity((24, 8, 8)) != other.identity((24, 8, 8))


def test_channels_are_doubled_by_any_stride_above_one() -> None:
    assert ShuffleNetV2Config().output_shape((24, 9, 13)) == (24, 9, 13)
    assert ShuffleNetV2Config(stride=2).output_shape((24, 9, 13)) == (48, 5, 7)
    assert ShuffleNetV2Config(stride=3).output_shape((24, 9, 13)) == (48, 3, 5)
    assert ShuffleNetV2Config(stride=2).output_shape((3, 9, 13)) == (6, 5, 7)


def test_odd_channels_at_stride_one_are_refused() -> None:
    for attempt in (ShuffleNetV2Config().output_shape, ShuffleNetV2Config().build):
        with pytest.raises(ValueError, match="its input has 27"):
            attempt((27, 8, 8))


def test_macs_by_hand_at_stride_one() -> None:
    """Half of 48 channels: 1x1, depthwise, 1x1."""
    config = ShuffleNetV2Config()
    assert counted_macs(config, (48, 9, 13)) == 9 * 13 * (24 * 24 + 24 * 9 + 24 * 24)
    assert parameters(config, (48, 9, 13)) == 2 * 24 * 24 + 24 * 9 + 3 * 2 * 24


def test_macs_by_hand_at_stride_two() -> None:
    config = ShuffleNetV2Config(stride=2)
    shortcut = 5 * 7 * (24 * 9 + 24 * 24)
    branch = 9 * 13 * 24 * 24 + 5 * 7 * (24 * 9 + 24 * 24)
    assert counted_macs(config, (24, 9, 13)) == shortcut + branch
    assert parameters(config, (24, 9, 13)) == 3 * 24 * 24 + 2 * 24 * 9 + 5 * 2 * 24


def test_macs_by_hand_at_another_width() -> None:
    """24 channels to 116, each branch gives 58."""
    config = ShuffleNetV2Config(stride=2, out=116)
    shortcut = 5 * 7 * (24 * 9 + 24 * 58)
    branch = 9 * 13 * 24 * 58 + 5 * 7 * (58 * 9 + 58 * 58)
    assert counted_macs(config, (24, 9, 13)) == shortcut + branch


def test_shuffle_interleaves_the_two_halves() -> None:
    """At stride 1 the even channels that come out are the first half that came in."""
    block = ShuffleNetV2Config().build((8, 5, 5)).eval()
    x = images(2, 8, 5, 5)
    assert torch.equal(block(x)[:, ::2], x[:, :4])

"""The bottleneck's shortcut, widths and arithmetic."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from blocks.bottleneck import BottleneckConfig
from tests.blocks.macs import counted_macs, parameters
from tests.blocks.parity import images


@pytest.mark.parametrize(
    ("out", "shortcut", "adds"), [(16, True, True), (16, False, False), (24, True, False)]
)
def test_shortcut_only_where_channels_agree(out: int, shortcut: bool, adds: bool) -> None:
    block = BottleneckConfig(out=out, shortcut=shortcut).build((16, 8, 8)).eval()
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    x = images(2, 16, 8, 8)
    assert torch.equal(block(x), x) if adds else not block(x).any()


def test_identity_is_by_what_is_built() -> None:
    shape = (16, 8, 8)
    one = BottleneckConfig(out=24)
    assert one.identity(shape) == BottleneckConfig(out=24, shortcut=False).identity(shape)
    assert one.identity(shape) == BottleneckConfig(out=24, expansion=0.51).identity(shape)
    assert one.identity(shape) != BottleneckConfig(out=24, expansion=0.6).identity(shape)
    assert one.identity(shape) != BottleneckConfig(out=24, groups=2).identity(shape)
    kept = BottleneckConfig(out=16)
    assert kept.identity(shape) != BottleneckConfig(out=16, shortcut=False).identity(shape)


def test_macs_by_hand() -> None:
    """16 -> 12 by 1x1, 12 -> 24 by 3x3 in two groups."""
    config = BottleneckConfig(out=24, groups=2)
    assert counted_macs(config, (16, 9, 13)) == 9 * 13 * (16 * 12 + 24 * 6 * 9)
    assert parameters(config, (16, 9, 13)) == 16 * 12 + 24 * 6 * 9 + 2 * (12 + 24)


def test_hidden_channels_are_rounded_down() -> None:
    """24 x 0.7 is 16.8."""
    assert parameters(BottleneckConfig(out=24, expansion=0.7), (16, 9, 13)) == (
        16 * 16 + 16 * 24 * 9 + 2 * (16 + 24)
    )
    assert BottleneckConfig(out=1).hidden == 1


def test_groups_must_divide_the_hidden_channels() -> None:
    with pytest.raises(ValidationError, match="hidden channels, 12"):
        BottleneckConfig(out=24, groups=8)

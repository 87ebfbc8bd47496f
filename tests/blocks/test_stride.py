"""Strides of each axis: how they are written, and what they do."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from blocks import BLOCKS, BlockConfig
from blocks.conv import ConvConfig
from blocks.pooling import AvgPoolConfig, MaxPoolConfig
from blocks.shufflenet import ShuffleNetV2Config
from blocks.stride import axis_strides
from tests.blocks.macs import counted_macs

STRIDED = [name for name in BLOCKS if "stride" in BLOCKS[name].model_fields]
REQUIRED = {"out": 16, "expand": 2, "kernel": 3}


def block(name: str, stride: int | str) -> BlockConfig:
    fields = BLOCKS[name].model_fields
    settings = {key: value for key, value in REQUIRED.items() if key in fields}
    return BLOCKS[name].model_validate(settings | {"stride": stride})


@pytest.mark.parametrize(
    ("written", "kept"),
    [(2, 2), ("2x1", "2x1"), ("2x2", 2), ("1x1", 1), ("16x01", "16x1"), ("1x2", "1x2")],
)
def test_a_stride_is_kept_in_one_form(written: int | str, kept: int | str) -> None:
    assert ConvConfig(out=8, stride=written).stride == kept
    assert type(ConvConfig(out=8, stride=written).stride) is type(kept)


@pytest.mark.parametrize(
    "written", [0, -1, 17, 2.0, True, None, "2", "2X1", "2x", "x1", "2x1x1", " 2x1", "17x1", "0x2"]
)
def test_what_is_no_stride_is_refused(written: object) -> None:
    with pytest.raises(ValidationError, match="height x width, such as 2x1"):
        ConvConfig.model_validate({"out": 8, "stride": written})


def test_rows_come_first() -> None:
    assert axis_strides("3x2") == (3, 2)
    assert axis_strides(3) == (3, 3)


@pytest.mark.parametrize("name", STRIDED)
def test_both_ways_of_writing_one_stride_are_one_block(name: str) -> None:
    assert block(name, "2x2") == block(name, 2)
    identities = {block(name, s).identity((16, 8, 8)) for s in (1, 2, "2x1", "1x2", "2x2", "1x1")}
    assert len(identities) == 4


@pytest.mark.parametrize("name", STRIDED)
def test_each_axis_has_the_length_of_its_own_stride(name: str) -> None:
    """Height as with that stride on both axes, width too."""
    shape = (16, 13, 22)
    both = {stride: block(name, stride).output_shape(shape) for stride in (2, 3)}
    assert block(name, "2x3").output_shape(shape)[1:] == (both[2][1], both[3][2])
    assert block(name, "3x2").output_shape(shape)[1:] == (both[3][1], both[2][2])


def test_places_are_those_of_pytorch() -> None:
    """A step of two rows and one column gives every second row of what one pixel a step gives."""
    x = torch.randn(2, 4, 9, 7, generator=torch.Generator().manual_seed(0))
    fine, coarse = (ConvConfig(out=6, stride=s).build((4, 9, 7)).eval() for s in (1, "2x1"))
    coarse.load_state_dict(fine.state_dict())
    torch.testing.assert_close(coarse(x), fine(x)[:, :, ::2])
    for pool, function in (
        (MaxPoolConfig, nn.functional.max_pool2d),
        (AvgPoolConfig, nn.functional.avg_pool2d),
    ):
        pooled = pool(kernel=3, stride="1x3").build((4, 9, 7))(x)
        torch.testing.assert_close(pooled, function(x, 3, (1, 3)))


def test_macs_by_hand() -> None:
    """16 channels of 8 x 12 pixels, 8 x 6 of them behind a stride of 1 x 2."""
    assert counted_macs(ConvConfig(out=24, stride="1x2"), (16, 8, 12)) == 8 * 6 * 24 * 16 * 9
    before, after = 8 * 12 * 16 * 16, 8 * 6 * (16 * 16 + 16 * 9)
    unit = ShuffleNetV2Config(stride="1x2")
    assert counted_macs(unit, (16, 8, 12)) == before + 2 * after
    assert unit.output_shape((16, 8, 12)) == (32, 8, 6)


@pytest.mark.parametrize("stride", ["2x1", "1x2"])
def test_a_strided_inverted_residual_has_no_shortcut(stride: str) -> None:
    for name in ("InvertedResidualv2", "InvertedResidualv3", "MBConv"):
        assert not block(name, stride).build((16, 8, 8)).has_shortcut
        assert block(name, "1x1").build((16, 8, 8)).has_shortcut

"""Padding and values of the poolings."""

import pytest
import torch
from pydantic import ValidationError

from blocks.pooling import AvgPoolConfig, GlobalAvgPoolConfig, MaxPoolConfig, PoolConfig
from tests.blocks.macs import counted_macs, parameters
from tests.blocks.parity import images

POOLS = [MaxPoolConfig, AvgPoolConfig]


@pytest.mark.parametrize("pool", POOLS)
def test_padding_zero_is_zero_and_null_is_automatic(pool: type[PoolConfig]) -> None:
    shape = (8, 9, 12)
    assert pool(kernel=3, stride=1).output_shape(shape) == (8, 7, 10)
    assert pool(kernel=3, stride=1, padding=0).output_shape(shape) == (8, 7, 10)
    assert pool(kernel=3, stride=1, padding=None).output_shape(shape) == shape
    assert pool(kernel=3, stride=2, padding=1).output_shape(shape) == (8, 5, 6)
    automatic, one = pool(kernel=3, stride=2, padding=None), pool(kernel=3, stride=2, padding=1)
    assert automatic.identity(shape) == one.identity(shape)
    assert automatic.identity(shape) != pool(kernel=3, stride=2).identity(shape)


@pytest.mark.parametrize("pool", POOLS)
def test_padding_beyond_half_the_kernel_is_refused(pool: type[PoolConfig]) -> None:
    assert pool(kernel=4, stride=2, padding=2).build((3, 8, 8))(images(1, 3, 8, 8)).shape[2] == 5
    with pytest.raises(ValidationError, match="padding 2 is more than half the kernel, 3"):
        pool(kernel=3, stride=2, padding=2)


@pytest.mark.parametrize("pool", POOLS)
def test_a_window_larger_than_the_map_is_refused(pool: type[PoolConfig]) -> None:
    for attempt in (pool(kernel=5, stride=1).output_shape, pool(kernel=5, stride=1).build):
        with pytest.raises(ValueError, match="kernel of 5 does not fit into 4 pixels"):
            attempt((3, 8, 4))


def test_values_by_hand() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4)
    largest = MaxPoolConfig(kernel=2, stride=2).build((1, 4, 4))
    assert largest(x).flatten().tolist() == [5, 7, 13, 15]
    mean = AvgPoolConfig(kernel=2, stride=2).build((1, 4, 4))
    assert mean(x).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    bordered = AvgPoolConfig(kernel=3, stride=3, padding=1).build((1, 4, 4))
    assert bordered(x)[0, 0, 0, 0].item() == pytest.approx((0 + 1 + 4 + 5) / 9)
    assert MaxPoolConfig(kernel=3, stride=1, padding=1).build((1, 4, 4))(x - 20).max() == -5
    everything = GlobalAvgPoolConfig().build((1, 4, 4))
    assert everything(x).shape == (1, 1, 1, 1)
    assert everything(x).item() == 7.5


def test_pooling_costs_no_macs() -> None:
    for config in (
        MaxPoolConfig(kernel=3, stride=2),
        AvgPoolConfig(kernel=3, stride=2),
        GlobalAvgPoolConfig(),
    ):
        assert counted_macs(config, (8, 9, 9)) == parameters(config, (8, 9, 9)) == 0

"""CBAM against the code that it was published with for rainforest recordings, and by hand."""

import pytest
import torch
from torch import Tensor, nn

from blocks import BLOCKS
from blocks.attention import CBAMConfig
from tests.blocks.macs import counted_macs, parameters


def published(x: Tensor, reduce: Tensor, restore: Tensor, spatial: Tensor) -> Tensor:
    """The two attentions as they were used in the rainforest pipeline, written out."""
    f = nn.functional

    def perceptron(pooled: Tensor) -> Tensor:
        return f.conv2d(f.relu(f.conv2d(pooled, reduce)), restore)

    channel = perceptron(f.adaptive_avg_pool2d(x, 1)) + perceptron(f.adaptive_max_pool2d(x, 1))
    x = torch.sigmoid(channel) * x
    largest, _ = torch.max(x, dim=1, keepdim=True)
    pooled = torch.cat([torch.mean(x, dim=1, keepdim=True), largest], dim=1)
    return torch.sigmoid(f.conv2d(pooled, spatial, padding=spatial.shape[-1] // 2)) * x


@pytest.mark.parametrize("kernel", [3, 7])
def test_agrees_with_the_published_code(kernel: int) -> None:
    torch.manual_seed(0)
    network = CBAMConfig(kernel=kernel).build((64, 4, 16))
    x = torch.randn(3, 64, 4, 16)
    with torch.no_grad():
        torch.testing.assert_close(network(x), published(x, *network.parameters()))


def test_the_gates_are_those_of_its_input() -> None:
    """Scaled weights that saturate: a channel and a location are let through, or not at all."""
    network = CBAMConfig(ratio=1, kernel=1).build((2, 1, 2))
    reduce, restore, spatial = network.parameters()
    with torch.no_grad():
        reduce.copy_(torch.eye(2)[..., None, None])
        restore.copy_(torch.tensor([[50.0, -50.0], [-50.0, 50.0]])[..., None, None])
        spatial.copy_(torch.tensor([[[[50.0]], [[0.0]]]]))
        y = network(torch.tensor([[[[4.0, -4.0]], [[1.0, 1.0]]]]))
    # the first channel's mean and maximum, 0 and 4, outweigh the second's 1 and 1
    torch.testing.assert_close(y, torch.tensor([[[[4.0, 0.0]], [[0.0, 0.0]]]]))


@pytest.mark.parametrize(("channels", "hidden"), [(64, 4), (40, 2), (8, 1)])
def test_cost_by_hand(channels: int, hidden: int) -> None:
    config = CBAMConfig()
    weights = 2 * channels * hidden + 2 * 7 * 7
    assert config.hidden(channels) == hidden
    assert parameters(config, (channels, 4, 16)) == weights
    macs = 2 * 2 * channels * hidden + 4 * 16 * 2 * 7 * 7
    assert counted_macs(config, (channels, 4, 16)) == macs
    cost = config.cost((channels, 4, 16))
    assert cost is not None
    assert (cost.macs, cost.parameters) == (macs, weights)


def test_equal_hidden_widths_are_one_block() -> None:
    assert CBAMConfig(ratio=16).identity((8, 4, 4)) == CBAMConfig(ratio=20).identity((8, 4, 4))
    assert CBAMConfig(ratio=4).identity((8, 4, 4)) != CBAMConfig(ratio=2).identity((8, 4, 4))


def test_it_is_a_block_that_a_search_may_place() -> None:
    assert BLOCKS["CBAM"] is CBAMConfig
    assert CBAMConfig().output_shape((24, 3, 5)) == (24, 3, 5)
    with pytest.raises(ValueError, match="needs a feature map"):
        CBAMConfig().output_shape((24,))

"""Bidirectional feature pyramid: maps are merged top-down, then bottom-up."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from blocks.base import ActivationName, BlockConfig, Channels, Shape
from blocks.cost import Cost, convolution_cost
from blocks.layers import ConvNormAct, make_activation, separable_conv, separable_cost
from blocks.pyramid import maps_of, pyramid_shape

EPSILON = 1e-4


class WeightedSum(nn.Module):
    """Fast normalised fusion (EfficientDet, equation in section 3.3): weights that stay above 0."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(inputs))

    def forward(self, *parts: Tensor) -> Tensor:
        weight = self.weight.relu()
        weight = weight / (weight.sum() + EPSILON)
        total: Tensor = weight[0] * parts[0]
        for position, part in enumerate(parts[1:], 1):
            total = total + weight[position] * part
        return total


class Merge(nn.Module):
    """A node: the weighted sum of its maps, activation, separable convolution."""

    def __init__(self, inputs: int, channels: int, activation: ActivationName) -> None:
        super().__init__()
        self.sum = WeightedSum(inputs)
        self.activation = make_activation(activation)
        self.conv = separable_conv(channels, channels, None)

    def forward(self, *parts: Tensor) -> Tensor:
        merged: Tensor = self.conv(self.activation(self.sum(*parts)))
        return merged


class BiFPN(nn.Module):
    """See `BiFPNConfig`."""

    def __init__(self, in_channels: Sequence[int], out: int, activation: ActivationName) -> None:
        super().__init__()
        levels = len(in_channels)
        self.lateral = nn.ModuleList(
            nn.Identity() if channels == out else ConvNormAct(channels, out, 1, activation=None)
            for channels in in_channels
        )
        # from the second coarsest to the finest, and back from the second finest to the coarsest
        self.down = nn.ModuleList(Merge(2, out, activation) for _ in range(levels - 1))
        self.up = nn.ModuleList(
            Merge(3 if level < levels - 1 else 2, out, activation) for level in range(1, levels)
        )
        self.shrink = nn.MaxPool2d(3, 2, 1)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        # lateral
        given = [conv(x) for conv, x in zip(self.lateral, maps, strict=True)]
        # top down
        merged = list(given)
        last = len(given) - 1
        for merge, level in zip(self.down, range(last - 1, -1, -1), strict=True):
            coarser = functional.interpolate(merged[level + 1], given[level].shape[2:])
            merged[level] = merge(given[level], coarser)
        # bottom up
        for merge, level in zip(self.up, range(1, last + 1), strict=True):
            finer = self.shrink(merged[level - 1])
            own = (given[level], merged[level]) if level < last else (given[level],)
            merged[level] = merge(*own, finer)
        return merged


class BiFPNConfig(BlockConfig):
    """Bidirectional feature pyramid (EfficientDet, Tan et al. 2020, arXiv:1911.09070, figure 3).

    A neck; each map must have half the size of the one before, rounded up.
    """

    name: ClassVar[str] = "BiFPN"

    out: Channels
    """Output channels of every map."""
    activation: ActivationName = "ReLU"
    """Activation before each separable convolution."""

    def output_shape(self, in_shape: Shape) -> Shape:
        maps = maps_of(in_shape, self.name)
        for (_, height, width), (_, low, narrow) in pairwise(maps):
            if (-(-height // 2), -(-width // 2)) != (low, narrow):
                raise ValueError(
                    f"{low}x{narrow} is not half of the map before, {height}x{width}, rounded up"
                )
        return pyramid_shape((self.out, height, width) for _, height, width in maps)

    def cost(self, in_shape: Shape) -> Cost | None:
        maps, total = maps_of(in_shape, self.name), Cost()
        for level, (channels, height, width) in enumerate(maps):
            locations = height * width
            if channels != self.out:
                total += convolution_cost(channels, self.out, locations)
            at_end = level in (0, len(maps) - 1)  # merged once there, else twice
            for inputs in (2,) if at_end else (2, 3):
                total += separable_cost(self.out, self.out, locations) + Cost(parameters=inputs)
        return total

    def build(self, in_shape: Shape) -> nn.Module:
        self.output_shape(in_shape)
        channels = [channels for channels, _, _ in maps_of(in_shape, self.name)]
        return BiFPN(channels, self.out, self.activation)

"""Attention that keeps the shape of a feature map: channel gates, then spatial gates."""

from math import prod
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from blocks.base import BlockConfig, Identity, OddKernel, Shape, feature_map
from blocks.cost import Cost


class ChannelAttention(nn.Module):
    """Gates of the channels (Woo et al. 2018, arXiv:1807.06521, eq. 2), `(N, C, 1, 1)`.

    One perceptron without bias serves the mean and the maximum over all locations.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, hidden, 1, bias=False)
        self.activation = nn.ReLU(inplace=True)
        self.restore = nn.Conv2d(hidden, channels, 1, bias=False)
        self.gate = nn.Sigmoid()

    def forward(self, x_NCHW: Tensor) -> Tensor:
        # pool
        mean_NC11 = x_NCHW.mean((2, 3), keepdim=True)
        largest_NC11 = x_NCHW.amax((2, 3), keepdim=True)
        pooled_NC21 = torch.cat((mean_NC11, largest_NC11), dim=2)
        # perceptron
        both_NC21: Tensor = self.restore(self.activation(self.reduce(pooled_NC21)))
        gates_NC11: Tensor = self.gate(both_NC21.sum(2, keepdim=True))
        return gates_NC11


class SpatialAttention(nn.Module):
    """Spatial gates (Woo et al. 2018, arXiv:1807.06521, eq. 3), `(N, 1, H, W)`."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
        self.gate = nn.Sigmoid()

    def forward(self, x_NCHW: Tensor) -> Tensor:
        # pool
        mean_N1HW, largest_N1HW = x_NCHW.mean(1, keepdim=True), x_NCHW.amax(1, keepdim=True)
        # convolve
        gates_N1HW: Tensor = self.gate(self.conv(torch.cat((mean_N1HW, largest_N1HW), dim=1)))
        return gates_N1HW


class CBAM(nn.Module):
    """Convolutional block attention module (Woo et al. 2018, arXiv:1807.06521, eq. 1)."""

    def __init__(self, channels: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, hidden)
        self.spatial = SpatialAttention(kernel)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        # channels
        x_NCHW = x_NCHW * self.channel(x_NCHW)
        # spatial
        gated_NCHW: Tensor = x_NCHW * self.spatial(x_NCHW)
        return gated_NCHW


class CBAMConfig(BlockConfig):
    """Channel and spatial attention (Woo et al. 2018, arXiv:1807.06521, fig. 1); keeps the shape.

    As the paper has it, but for the spatial convolution, which is not normalised.
    """

    name: ClassVar[str] = "CBAM"
    row_arguments: ClassVar[tuple[str, ...]] = ("ratio", "kernel")
    shape_fields: ClassVar[frozenset[str]] = frozenset()

    ratio: Annotated[int, Field(strict=True, ge=1, le=65_536)] = 16
    """Input channels over hidden channels of the perceptron, rounded down to at least one."""
    kernel: OddKernel = 7
    """Side of the spatial kernel, in pixels."""

    def hidden(self, channels: int) -> int:
        """Channels between the two layers of the perceptron."""
        return max(1, channels // self.ratio)

    def output_shape(self, in_shape: Shape) -> Shape:
        return feature_map(in_shape, self.name)

    def cost(self, in_shape: Shape) -> Cost | None:
        channels, height, width = feature_map(in_shape, self.name)
        hidden = self.hidden(channels)
        # the perceptron runs on the mean and on the maximum
        perceptron = Cost(4 * channels * hidden, 2 * channels * hidden, 2 * (channels + hidden))
        locations = prod((height, width))
        weights = 2 * self.kernel**2
        return perceptron + Cost(weights * locations, weights, locations)

    def identity(self, in_shape: Shape) -> Identity:
        channels, _, _ = feature_map(in_shape, self.name)
        return (self.name, self.hidden(channels), self.kernel)

    def build(self, in_shape: Shape) -> nn.Module:
        channels, _, _ = feature_map(in_shape, self.name)
        return CBAM(channels, self.hidden(channels), self.kernel)

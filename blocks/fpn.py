"""Feature pyramid network: coarse maps are added to the finer ones, top-down."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from blocks.base import ActivationName, BlockConfig, Channels, Shape
from blocks.cost import Cost, convolution_cost
from blocks.layers import ConvNormAct, separable_conv, separable_cost
from blocks.pyramid import Map, maps_of, pyramid_shape


class FPN(nn.Module):
    """See `FPNConfig`."""

    def __init__(self, in_channels: Sequence[int], out: int, activation: ActivationName) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(ConvNormAct(c, out, 1, activation=None) for c in in_channels)
        self.smooth = nn.ModuleList(separable_conv(out, out, activation) for _ in in_channels)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        # lateral
        merged = [conv(x) for conv, x in zip(self.lateral, maps, strict=True)]
        # top down
        for level in range(len(merged) - 2, -1, -1):
            finer = merged[level]
            merged[level] = finer + functional.interpolate(merged[level + 1], finer.shape[2:])
        # smooth
        return [conv(x) for conv, x in zip(self.smooth, merged, strict=True)]


class FPNConfig(BlockConfig):
    """Feature pyramid network (Lin et al. 2017, arXiv:1612.03144, figure 3), a neck.

    Its 3x3 convolutions are depthwise separable, unlike the paper's, to keep it light.
    """

    name: ClassVar[str] = "FPN"

    out: Channels
    """Output channels of every map."""
    activation: ActivationName = "ReLU"
    """Activation after each smoothing convolution."""

    def output_shape(self, in_shape: Shape) -> Shape:
        return pyramid_shape(_widened(maps_of(in_shape, self.name), self.out))

    def cost(self, in_shape: Shape) -> Cost | None:
        total = Cost()
        for channels, height, width in maps_of(in_shape, self.name):
            locations = height * width
            total += convolution_cost(channels, self.out, locations)
            total += separable_cost(self.out, self.out, locations)
        return total

    def build(self, in_shape: Shape) -> nn.Module:
        channels = [channels for channels, _, _ in maps_of(in_shape, self.name)]
        return FPN(channels, self.out, self.activation)


def _widened(maps: Sequence[Map], out: int) -> list[Map]:
    return [(out, height, width) for _, height, width in maps]

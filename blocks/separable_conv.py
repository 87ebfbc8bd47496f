"""Separable convolution of the necks, and its cost."""

from torch import nn

from blocks.base import ActivationName
from blocks.cost import Cost, bare_convolution_cost, convolution_cost
from blocks.layers import ConvNormAct


def separable_conv(
    in_channels: int, out_channels: int, activation: ActivationName | None
) -> nn.Sequential:
    """A 3x3 depthwise convolution, then a 1x1 convolution with normalisation and activation."""
    depthwise = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False)
    return nn.Sequential(depthwise, ConvNormAct(in_channels, out_channels, 1, 1, 1, activation))


def separable_cost(in_channels: int, out: int, locations: int) -> Cost:
    """Cost of `separable_conv` at that many locations."""
    depthwise = bare_convolution_cost(in_channels, in_channels, locations, 3, in_channels)
    return depthwise + convolution_cost(in_channels, out, locations)

"""Plain and depthwise convolution with batch normalisation and activation."""

from collections.abc import Mapping
from math import gcd, prod
from typing import ClassVar

from torch import nn

from blocks.base import (
    ActivationName,
    Axes,
    BlockConfig,
    Channels,
    Groups,
    Identity,
    Kernel,
    NormEps,
    Padding,
    SamePadding,
    Shape,
    convolved_sides,
    feature_map,
    resolved_padding,
)
from blocks.cost import Alive, Cost, Memory, convolution_cost
from blocks.layers import ConvNormAct, conv_norm_axes
from blocks.stride import Stride


class ConvConfig(BlockConfig):
    """Convolution, batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167), activation."""

    name: ClassVar[str] = "Conv"
    row_arguments: ClassVar[tuple[str, ...]] = (
        "out",
        "kernel",
        "stride",
        "padding",
        "groups",
        "activation",
    )

    out: Channels
    """Output channels."""
    kernel: Kernel = 3
    """Side of the square kernel, in pixels."""
    stride: Stride = 1
    """Stride in pixels; `2x1` is 2 vertically and 1 horizontally."""
    padding: Padding | SamePadding | None = None
    """Zeros on each side, in pixels; null keeps the size at stride 1, `same` pads as TensorFlow."""
    groups: Groups = 1
    """Groups of the convolution."""
    activation: ActivationName | None = "ReLU"
    """Activation after the normalisation; null for none."""
    norm_eps: NormEps = 1e-5
    """Added to the variance in the normalisation."""

    def groups_for(self, in_channels: int) -> int:
        """Groups of the convolution. Raises ValueError unless they divide both channel counts."""
        if in_channels % self.groups or self.out % self.groups:
            raise ValueError(
                f"groups {self.groups} must divide the input channels, {in_channels}, "
                f"and the output channels, {self.out}"
            )
        return self.groups

    def output_shape(self, in_shape: Shape) -> Shape:
        channels, height, width = feature_map(in_shape, self.name)
        self.groups_for(channels)
        padding = resolved_padding(self.kernel, self.stride, self.padding)
        return self.out, *convolved_sides(height, width, self.kernel, self.stride, padding)

    def cost(self, in_shape: Shape) -> Cost | None:
        channels, locations = in_shape[0], prod(self.output_shape(in_shape)[1:])
        return convolution_cost(channels, self.out, locations, self.kernel, self.groups)

    def memory(self, in_shape: Shape) -> Memory | None:
        if self.padding == "same":  # may pad in an op of its own
            return None
        weights = self.out * in_shape[0] // self.groups_for(in_shape[0]) * self.kernel**2
        return Memory(weights, self.out, (Alive(prod(self.output_shape(in_shape)), True),))

    def channel_axes(self, in_shape: Shape) -> Mapping[str, Axes] | None:
        channels = in_shape[0]
        if self.groups_for(channels) == 1:
            return conv_norm_axes("", "out", "in")
        return conv_norm_axes("", "in", None) if self.groups == channels == self.out else None

    def identity(self, in_shape: Shape) -> Identity:
        padding = resolved_padding(self.kernel, self.stride, self.padding)
        channels, _, _ = feature_map(in_shape, self.name)
        groups = self.groups_for(channels)
        eps = () if self.norm_eps == 1e-5 else (self.norm_eps,)
        return ("Conv", self.out, self.kernel, self.stride, padding, groups, self.activation, *eps)

    def build(self, in_shape: Shape) -> nn.Module:
        self.output_shape(in_shape)
        channels, _, _ = feature_map(in_shape, self.name)
        groups = self.groups_for(channels)
        return ConvNormAct(
            channels,
            self.out,
            self.kernel,
            self.stride,
            groups,
            self.activation,
            self.padding,
            self.norm_eps,
        )


class FixedConvConfig(ConvConfig):
    """A `Conv` whose width is never scaled or rounded, e.g. the last layer of a classifier."""

    name: ClassVar[str] = "FixedConv"
    fixed_width: ClassVar[bool] = True


class DWConvConfig(BlockConfig):
    """Depthwise convolution (Howard et al. 2017, arXiv:1704.04861, table 1).

    A `Conv` with gcd(in, out) groups, so that input and output channels may differ.
    """

    name: ClassVar[str] = "DWConv"
    row_arguments: ClassVar[tuple[str, ...]] = ("out", "kernel", "stride", "padding", "activation")

    out: Channels
    """Output channels."""
    kernel: Kernel = 3
    """Side of the square kernel, in pixels."""
    stride: Stride = 1
    """Stride in pixels; `2x1` is 2 vertically and 1 horizontally."""
    padding: Padding | None = None
    """Zero padding on each side, in pixels; null keeps the size at stride 1."""
    activation: ActivationName | None = "ReLU"
    """Activation after the normalisation; null for none."""

    def as_conv(self, in_channels: int) -> ConvConfig:
        """The same computation as a grouped `Conv`."""
        return ConvConfig(groups=gcd(in_channels, self.out), **self.model_dump())

    def output_shape(self, in_shape: Shape) -> Shape:
        channels, _, _ = feature_map(in_shape, self.name)
        return self.as_conv(channels).output_shape(in_shape)

    def cost(self, in_shape: Shape) -> Cost | None:
        return self.as_conv(in_shape[0]).cost(in_shape)

    def memory(self, in_shape: Shape) -> Memory | None:
        return self.as_conv(in_shape[0]).memory(in_shape)

    def channel_axes(self, in_shape: Shape) -> Mapping[str, Axes] | None:
        return self.as_conv(in_shape[0]).channel_axes(in_shape)

    def identity(self, in_shape: Shape) -> Identity:
        channels, _, _ = feature_map(in_shape, self.name)
        return self.as_conv(channels).identity(in_shape)

    def build(self, in_shape: Shape) -> nn.Module:
        channels, _, _ = feature_map(in_shape, self.name)
        return self.as_conv(channels).build(in_shape)

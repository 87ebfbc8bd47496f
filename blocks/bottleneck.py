"""Bottleneck of Darknet and YOLOv5: 1x1 and 3x3 convolutions with a shortcut around both."""

from math import prod
from typing import ClassVar, Self

from pydantic import model_validator
from torch import Tensor, nn

from blocks.base import (
    ActivationName,
    BlockConfig,
    Channels,
    Expand,
    Groups,
    Identity,
    Shape,
    feature_map,
)
from blocks.cost import Alive, Cost, Memory, convolution_cost
from blocks.layers import ConvNormAct


class Bottleneck(nn.Module):
    """Residual block of Darknet-53 (Redmon & Farhadi 2018, arXiv:1804.02767, table 1)."""

    def __init__(
        self,
        in_channels: int,
        hidden: int,
        out_channels: int,
        groups: int,
        activation: ActivationName | None,
        has_shortcut: bool,
    ) -> None:
        super().__init__()
        self.has_shortcut = has_shortcut
        self.reduce = ConvNormAct(in_channels, hidden, 1, activation=activation)
        self.restore = ConvNormAct(hidden, out_channels, 3, groups=groups, activation=activation)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        # reduce
        y_NCHW: Tensor = self.reduce(x_NCHW)
        # restore
        y_NCHW = self.restore(y_NCHW)
        return x_NCHW + y_NCHW if self.has_shortcut else y_NCHW


class BottleneckConfig(BlockConfig):
    """Residual block of Darknet-53 (Redmon & Farhadi 2018, arXiv:1804.02767, table 1).

    Hidden width, groups and the optional shortcut as in YOLOv5.
    """

    name: ClassVar[str] = "Bottleneck"
    row_arguments: ClassVar[tuple[str, ...]] = (
        "out",
        "shortcut",
        "groups",
        "expansion",
        "activation",
    )

    shape_fields: ClassVar[frozenset[str]] = BlockConfig.shape_fields | {"expansion"}

    out: Channels
    """Output channels."""
    shortcut: bool = True
    """Add the input to the output if both have the same number of channels."""
    groups: Groups = 1
    """Groups of the 3x3 convolution."""
    expansion: Expand = 0.5
    """Hidden channels over output channels, rounded down."""
    activation: ActivationName | None = "ReLU"
    """Activation after each normalisation; null for none."""

    @model_validator(mode="after")
    def _groups_divide_the_channels(self) -> Self:
        if self.hidden % self.groups or self.out % self.groups:
            raise ValueError(
                f"groups {self.groups} must divide the hidden channels, {self.hidden}, "
                f"and the output channels, {self.out}"
            )
        return self

    @property
    def hidden(self) -> int:
        """Channels between the two convolutions."""
        return max(1, int(self.out * self.expansion))

    def has_shortcut(self, in_channels: int) -> bool:
        """Whether the input is added to the output."""
        return self.shortcut and in_channels == self.out

    def output_shape(self, in_shape: Shape) -> Shape:
        _, height, width = feature_map(in_shape, self.name)
        return self.out, height, width

    def cost(self, in_shape: Shape) -> Cost | None:
        channels, locations = in_shape[0], prod(self.output_shape(in_shape)[1:])
        reduce = convolution_cost(channels, self.hidden, locations)
        return reduce + convolution_cost(self.hidden, self.out, locations, 3, self.groups)

    def memory(self, in_shape: Shape) -> Memory | None:
        channels, locations = in_shape[0], prod(in_shape[1:])
        shortcut = self.has_shortcut(channels)
        hidden, out = self.hidden * locations, self.out * locations
        alive = [Alive(hidden, True), Alive(hidden + out, shortcut)]
        if shortcut:
            alive.append(Alive(2 * out, True))
        weights = channels * self.hidden + 9 * self.hidden * self.out // self.groups
        return Memory(weights, self.hidden + self.out, tuple(alive))

    def identity(self, in_shape: Shape) -> Identity:
        channels, _, _ = feature_map(in_shape, self.name)
        shortcut = self.has_shortcut(channels)
        return (self.name, self.out, shortcut, self.groups, self.hidden, self.activation)

    def build(self, in_shape: Shape) -> nn.Module:
        channels, _, _ = feature_map(in_shape, self.name)
        return Bottleneck(
            channels,
            self.hidden,
            self.out,
            self.groups,
            self.activation,
            self.has_shortcut(channels),
        )

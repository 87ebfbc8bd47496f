"""Blocks of vectors: flattening, linear layer, dropout."""

from collections.abc import Mapping
from math import prod
from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from blocks.base import ActivationName, Axes, BlockConfig, Channels, Shape
from blocks.cost import Cost
from blocks.layers import make_activation


class FlattenConfig(BlockConfig):
    """Flatten: all values of a sample as one vector, channels first."""

    name: ClassVar[str] = "Flatten"

    def output_shape(self, in_shape: Shape) -> Shape:
        return (prod(in_shape),)

    def cost(self, in_shape: Shape) -> Cost | None:
        return Cost()

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.Flatten()


class LinearConfig(BlockConfig):
    """Linear layer with bias, then activation."""

    name: ClassVar[str] = "Linear"
    row_arguments: ClassVar[tuple[str, ...]] = ("out", "activation")
    fixed_width: ClassVar[bool] = True

    out: Channels
    """Output features."""
    activation: ActivationName | None = None
    """Activation after the layer; null for none."""

    def output_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 1:
            raise ValueError(
                f"Linear needs a vector, but its input is a feature map {in_shape}: "
                "put Flatten before it"
            )
        return (self.out,)

    def cost(self, in_shape: Shape) -> Cost | None:
        weights = in_shape[0] * self.out
        return Cost(weights, weights + self.out)

    def channel_axes(self, in_shape: Shape) -> Mapping[str, Axes] | None:
        prefix = "" if self.activation is None else "0."
        return {f"{prefix}weight": ("out", "in"), f"{prefix}bias": ("out",)}

    def build(self, in_shape: Shape) -> nn.Module:
        self.output_shape(in_shape)
        linear = nn.Linear(in_shape[0], self.out)
        if self.activation is None:
            return linear
        return nn.Sequential(linear, make_activation(self.activation))


class DropoutConfig(BlockConfig):
    """Dropout (Srivastava et al. 2014, JMLR 15, section 4)."""

    name: ClassVar[str] = "Dropout"
    row_arguments: ClassVar[tuple[str, ...]] = ("p",)

    p: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Probability that a value is set to zero."""

    def output_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def cost(self, in_shape: Shape) -> Cost | None:
        return Cost()

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.Dropout(self.p)

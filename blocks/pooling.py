"""Pooling over windows and over the whole feature map."""

from typing import ClassVar, Self

from pydantic import model_validator
from torch import nn

from blocks.base import (
    BlockConfig,
    Identity,
    Kernel,
    Padding,
    Shape,
    automatic_padding,
    convolved_sides,
    feature_map,
)
from blocks.cost import Cost
from blocks.stride import Stride, axis_strides


class PoolConfig(BlockConfig):
    """Base of pooling over windows."""

    row_arguments: ClassVar[tuple[str, ...]] = ("kernel", "stride", "padding")

    kernel: Kernel
    """Side of the square window, in pixels."""
    stride: Stride
    """Stride of the window; `2x1` is 2 vertically and 1 horizontally."""
    padding: Padding | None = 0
    """Padding on each side, at most half the kernel; null keeps the size at stride 1."""

    @model_validator(mode="after")
    def _padding_within_window(self) -> Self:
        if self.padding is not None and 2 * self.padding > self.kernel:
            raise ValueError(
                f"padding {self.padding} is more than half the kernel, {self.kernel}: "
                "a window could lie in the padding alone"
            )
        return self

    def output_shape(self, in_shape: Shape) -> Shape:
        channels, height, width = feature_map(in_shape, self.name)
        padding = automatic_padding(self.kernel, self.padding)
        return channels, *convolved_sides(height, width, self.kernel, self.stride, padding)

    def cost(self, in_shape: Shape) -> Cost | None:
        return Cost()

    def identity(self, in_shape: Shape) -> Identity:
        padding = automatic_padding(self.kernel, self.padding)
        return (self.name, self.kernel, self.stride, padding)


class MaxPoolConfig(PoolConfig):
    """Max pooling; the padding is never chosen."""

    name: ClassVar[str] = "MaxPool"

    def build(self, in_shape: Shape) -> nn.Module:
        self.output_shape(in_shape)
        padding = automatic_padding(self.kernel, self.padding)
        return nn.MaxPool2d(self.kernel, axis_strides(self.stride), padding)


class AvgPoolConfig(PoolConfig):
    """Average pooling; the padding counts as zeros."""

    name: ClassVar[str] = "AvgPool"

    def build(self, in_shape: Shape) -> nn.Module:
        self.output_shape(in_shape)
        padding = automatic_padding(self.kernel, self.padding)
        return nn.AvgPool2d(self.kernel, axis_strides(self.stride), padding)


class GlobalAvgPoolConfig(BlockConfig):
    """Global average pooling to `(C, 1, 1)` (Lin et al. 2013, arXiv:1312.4400, section 3.2)."""

    name: ClassVar[str] = "GlobalAvgPool"

    def output_shape(self, in_shape: Shape) -> Shape:
        channels, _, _ = feature_map(in_shape, self.name)
        return channels, 1, 1

    def cost(self, in_shape: Shape) -> Cost | None:
        return Cost()

    def build(self, in_shape: Shape) -> nn.Module:
        self.output_shape(in_shape)
        return nn.AdaptiveAvgPool2d(1)

"""Unit of ShuffleNetV2: two branches whose channels are shuffled."""

from math import prod
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from blocks.base import BlockConfig, Channels, Identity, Shape, convolved_sides, feature_map
from blocks.cost import Alive, Cost, Memory, convolution_cost
from blocks.layers import ConvNormAct
from blocks.stride import Stride

EvenChannels = Annotated[Channels, Field(multiple_of=2)]


class ShuffleNetV2(nn.Module):
    """Basic unit of ShuffleNetV2 (Ma et al. 2018, arXiv:1807.11164, fig. 3c, table 5), stride 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = _branch(half, half, stride=1)
        # A view and a transpose would leave channels_last; nn.ChannelShuffle keeps it.
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        # split
        kept_NCHW, x_NCHW = x_NCHW.chunk(2, dim=1)
        # transform
        y_NCHW = torch.cat((kept_NCHW, self.branch(x_NCHW)), dim=1)
        # shuffle
        shuffled_NCHW: Tensor = self.shuffle(y_NCHW)
        return shuffled_NCHW


class ShuffleNetV2Down(nn.Module):
    """Spatial-down unit of ShuffleNetV2 (Ma et al. 2018, arXiv:1807.11164, fig. 3d, table 5)."""

    def __init__(self, channels: int, out: int, stride: int | str) -> None:
        super().__init__()
        half = out // 2
        self.shortcut = nn.Sequential(
            ConvNormAct(channels, channels, 3, stride, groups=channels, activation=None),
            ConvNormAct(channels, half, 1),
        )
        self.branch = _branch(channels, half, stride)
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        # transform
        y_NCHW = torch.cat((self.shortcut(x_NCHW), self.branch(x_NCHW)), dim=1)
        # shuffle
        shuffled_NCHW: Tensor = self.shuffle(y_NCHW)
        return shuffled_NCHW


def _branch(in_channels: int, channels: int, stride: int | str) -> nn.Sequential:
    return nn.Sequential(
        ConvNormAct(in_channels, channels, 1),
        ConvNormAct(channels, channels, 3, stride, groups=channels, activation=None),
        ConvNormAct(channels, channels, 1),
    )


class ShuffleNetV2Config(BlockConfig):
    """Unit of ShuffleNetV2 (Ma et al. 2018, arXiv:1807.11164, fig. 3c and 3d, table 5).

    Stride 1 keeps the channels, which must be even; a larger stride along either axis doubles them,
    or gives `out`.
    """

    name: ClassVar[str] = "ShuffleNetV2"
    row_arguments: ClassVar[tuple[str, ...]] = ("stride",)

    stride: Stride = 1
    """Stride of the depthwise convolutions; `2x1` is 2 vertically and 1 horizontally."""
    out: EvenChannels | None = None
    """Output channels, even; null is twice the input's, and at stride 1 as many."""

    def out_channels(self, channels: int) -> int:
        """Output channels for so many input channels. Raises ValueError for others at stride 1."""
        if self.stride != 1:
            return self.out or 2 * channels
        if self.out not in (None, channels):
            raise ValueError(
                f"ShuffleNetV2 at stride 1 keeps its {channels} channels: "
                f"out {self.out} is not allowed"
            )
        return channels

    def output_shape(self, in_shape: Shape) -> Shape:
        channels, height, width = feature_map(in_shape, self.name)
        if self.stride == 1 and channels % 2:
            raise ValueError(
                f"ShuffleNetV2 at stride 1 halves its channels, but its input has {channels}: "
                "an even number is needed"
            )
        sides = convolved_sides(height, width, 3, self.stride, 1)
        return self.out_channels(channels), *sides

    def cost(self, in_shape: Shape) -> Cost | None:
        before, after = prod(in_shape[1:]), prod(self.output_shape(in_shape)[1:])
        half = self.out_channels(in_shape[0]) // 2
        channels = half if self.stride == 1 else in_shape[0]
        branch = convolution_cost(channels, half, before)
        branch += convolution_cost(half, half, after, 3, half) + convolution_cost(half, half, after)
        if self.stride == 1:
            return branch
        shortcut = convolution_cost(channels, channels, after, 3, channels)
        return branch + shortcut + convolution_cost(channels, half, after)

    def memory(self, in_shape: Shape) -> Memory | None:
        channels, before = in_shape[0], prod(in_shape[1:])
        out_shape = self.output_shape(in_shape)
        half, after, out = out_shape[0] // 2, prod(out_shape[1:]), prod(out_shape)
        if self.stride == 1:
            one = half * after
            branch = (Alive(one, True), Alive(2 * one, True), Alive(2 * one, True))
            joined = (Alive(one + out, True), Alive(2 * out, False))
            return Memory(half * (2 * half + 9), 3 * half, branch + joined)
        shortcut, narrow, wide = half * after, channels * after, half * before
        alive = (
            Alive(narrow, True),
            Alive(narrow + shortcut, True),
            Alive(shortcut + wide, True),
            Alive(shortcut + wide + half * after, False),
            Alive(shortcut + 2 * half * after, False),
            Alive(out + out, False),
            Alive(2 * out, False),
        )
        weights = channels * (9 + half) + half * (channels + 9 + half)
        return Memory(weights, channels + 4 * half, alive)

    def identity(self, in_shape: Shape) -> Identity:
        channels, _, _ = feature_map(in_shape, self.name)
        doubled = self.out in (None, 2 * channels) or self.stride == 1
        return (self.name, self.stride, *(() if doubled else (self.out,)))

    def build(self, in_shape: Shape) -> nn.Module:
        self.output_shape(in_shape)
        channels, _, _ = feature_map(in_shape, self.name)
        if self.stride == 1:
            return ShuffleNetV2(channels)
        return ShuffleNetV2Down(channels, self.out_channels(channels), self.stride)

"""Inverted residuals of MobileNetV2 and MobileNetV3: expand, depthwise, squeeze, project."""

from abc import abstractmethod
from collections.abc import Mapping
from math import prod
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from blocks.base import (
    ActivationName,
    Axes,
    BlockConfig,
    Channels,
    Expand,
    Identity,
    OddKernel,
    SamePadding,
    Shape,
    convolved_sides,
    feature_map,
    resolved_padding,
)
from blocks.cost import Alive, Cost, Memory, convolution_cost
from blocks.layers import ConvNormAct, SqueezeExcitation, conv_norm_axes, make_divisible
from blocks.stride import Stride


class Layout(NamedTuple):
    """Layers of an inverted residual, all channel counts resolved."""

    in_channels: int
    hidden: int
    """Channels of the depthwise convolution."""
    expands: bool
    """Whether a 1x1 convolution expands `in_channels` to `hidden`."""
    out: int
    kernel: int
    stride: int | str
    activation: ActivationName
    squeeze: int | None = None
    """Channels between the two convolutions of the squeeze-and-excitation; None for none."""
    squeeze_activation: ActivationName = "ReLU"
    gate: ActivationName = "Sigmoid"
    norm_eps: float = 1e-5
    padding: SamePadding | None = None
    """Of the depthwise convolution; None keeps the size at stride 1."""

    @property
    def has_shortcut(self) -> bool:
        """Whether the input is added to the output."""
        return self.stride == 1 and self.in_channels == self.out


class InvertedResidual(nn.Module):
    """Narrow - wide - narrow block (Sandler et al. 2018, arXiv:1801.04381, table 1)."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        channels, hidden, eps = layout.in_channels, layout.hidden, layout.norm_eps
        self.has_shortcut = layout.has_shortcut
        self.expand: nn.Module = nn.Identity()
        if layout.expands:
            self.expand = ConvNormAct(
                channels, hidden, 1, activation=layout.activation, norm_eps=eps
            )
        self.depthwise = ConvNormAct(
            hidden,
            hidden,
            layout.kernel,
            layout.stride,
            hidden,
            layout.activation,
            layout.padding,
            eps,
        )
        self.squeeze: nn.Module = nn.Identity()
        if layout.squeeze is not None:
            self.squeeze = SqueezeExcitation(
                hidden, layout.squeeze, layout.squeeze_activation, layout.gate
            )
        self.project = ConvNormAct(hidden, layout.out, 1, activation=None, norm_eps=eps)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        # expand
        y_NCHW: Tensor = self.expand(x_NCHW)
        # depthwise
        y_NCHW = self.depthwise(y_NCHW)
        # squeeze
        y_NCHW = self.squeeze(y_NCHW)
        # project
        y_NCHW = self.project(y_NCHW)
        return x_NCHW + y_NCHW if self.has_shortcut else y_NCHW


class InvertedResidualConfig(BlockConfig):
    """Base of the configs of inverted residuals: everything follows from their layout."""

    @abstractmethod
    def layout(self, in_channels: int) -> Layout:
        """The block with its channels resolved."""

    def output_shape(self, in_shape: Shape) -> Shape:
        channels, height, width = feature_map(in_shape, self.name)
        layout = self.layout(channels)
        padding = resolved_padding(layout.kernel, layout.stride, layout.padding)
        sides = convolved_sides(height, width, layout.kernel, layout.stride, padding)
        return layout.out, *sides

    def cost(self, in_shape: Shape) -> Cost | None:
        layout, locations = self.layout(in_shape[0]), prod(self.output_shape(in_shape)[1:])
        hidden = layout.hidden
        cost = convolution_cost(hidden, hidden, locations, layout.kernel, hidden)
        cost += convolution_cost(hidden, layout.out, locations)
        if layout.expands:
            cost += convolution_cost(layout.in_channels, hidden, prod(in_shape[1:]))
        if layout.squeeze is not None:
            cost += convolution_cost(hidden, layout.squeeze, 1, normed=False)
            cost += convolution_cost(layout.squeeze, hidden, 1, normed=False)
        return cost

    def memory(self, in_shape: Shape) -> Memory | None:
        layout, after = self.layout(in_shape[0]), prod(self.output_shape(in_shape)[1:])
        if layout.padding == "same":  # may pad in an op of its own
            return None
        channels, hidden, held = layout.in_channels, layout.hidden, layout.has_shortcut
        deep, out = hidden * after, layout.out * after
        weights, outputs = hidden * (layout.kernel**2 + layout.out), hidden + layout.out
        if layout.expands:
            wide = hidden * prod(in_shape[1:])
            alive = [Alive(wide, True), Alive(wide + deep, held)]
            weights, outputs = weights + channels * hidden, outputs + hidden
        else:
            alive = [Alive(deep, True)]
        if layout.squeeze is not None:
            alive.append(Alive(deep + hidden + layout.squeeze, held))
            alive.append(Alive(2 * deep + hidden, held))
            weights, outputs = weights + 2 * hidden * layout.squeeze, outputs + layout.squeeze
            outputs += hidden
        alive.append(Alive(deep + out, held))
        if held:
            alive.append(Alive(2 * out, True))
        return Memory(weights, outputs, tuple(alive))

    def channel_axes(self, in_shape: Shape) -> Mapping[str, Axes] | None:
        layout = self.layout(in_shape[0])
        hidden = "hidden" if layout.expands else "in"
        axes = conv_norm_axes("expand.", hidden, "in") if layout.expands else {}
        axes |= conv_norm_axes("depthwise.", hidden, None)
        if layout.squeeze is not None:
            axes["squeeze.reduce.weight"] = ("squeeze", hidden, None, None)
            axes["squeeze.reduce.bias"] = ("squeeze",)
            axes["squeeze.restore.weight"] = (hidden, "squeeze", None, None)
            axes["squeeze.restore.bias"] = (hidden,)
        return axes | conv_norm_axes("project.", "in" if layout.has_shortcut else "out", hidden)

    def identity(self, in_shape: Shape) -> Identity:
        channels, _, _ = feature_map(in_shape, self.name)
        layout = self.layout(channels)
        padding = resolved_padding(layout.kernel, layout.stride, layout.padding)
        *rest, _ = layout
        return ("InvertedResidual", *rest, *(("same",) if padding == "same" else ()))

    def build(self, in_shape: Shape) -> nn.Module:
        channels, _, _ = feature_map(in_shape, self.name)
        return InvertedResidual(self.layout(channels))


class InvertedResidualv2Config(InvertedResidualConfig):
    """Block of MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381, table 1): 3x3, ReLU6."""

    name: ClassVar[str] = "InvertedResidualv2"
    row_arguments: ClassVar[tuple[str, ...]] = ("out", "expand", "stride")

    out: Channels
    """Output channels."""
    expand: Expand
    """Expansion: hidden over input channels; 1 leaves out the expanding convolution."""
    stride: Stride = 1
    """Stride of the depthwise convolution; `2x1` is 2 vertically and 1 horizontally."""

    def layout(self, in_channels: int) -> Layout:
        return Layout(
            in_channels=in_channels,
            hidden=max(1, round(in_channels * self.expand)),
            expands=self.expand != 1,
            out=self.out,
            kernel=3,
            stride=self.stride,
            activation="ReLU6",
        )


class InvertedResidualv3Config(InvertedResidualConfig):
    """Block of MobileNetV3 (Howard et al. 2019, arXiv:1905.02244, fig. 4, tables 1 and 2).

    Hidden channels are rounded to a multiple of 8. Agrees with torchvision, including the batch
    normalisation's epsilon (1e-3), but not its momentum: at 0.01 the running statistics lag behind
    the weights in the first epochs of a short training.
    """

    name: ClassVar[str] = "InvertedResidualv3"
    row_arguments: ClassVar[tuple[str, ...]] = ("kernel", "expand", "out", "se", "hs", "stride")

    kernel: OddKernel
    """Side of the depthwise kernel, in pixels."""
    expand: Expand
    """Expansion: hidden over input channels, before rounding."""
    out: Channels
    """Output channels."""
    se: bool = False
    """Squeeze-and-excitation after the depthwise convolution."""
    hs: bool = False
    """Hardswish instead of ReLU."""
    stride: Stride = 1
    """Stride of the depthwise convolution; `2x1` is 2 vertically and 1 horizontally."""

    def layout(self, in_channels: int) -> Layout:
        hidden = make_divisible(in_channels * self.expand)
        return Layout(
            in_channels=in_channels,
            hidden=hidden,
            expands=hidden != in_channels,
            out=self.out,
            kernel=self.kernel,
            stride=self.stride,
            activation="Hardswish" if self.hs else "ReLU",
            squeeze=make_divisible(hidden // 4) if self.se else None,
            gate="Hardsigmoid",
            norm_eps=1e-3,
        )

"""MBConv of EfficientNet: an inverted residual with squeeze-and-excitation and SiLU."""

from typing import ClassVar

from blocks.base import ActivationName, Channels, Expand, NormEps, OddKernel, SamePadding
from blocks.inverted_residual import InvertedResidualConfig, Layout
from blocks.layers import make_divisible
from blocks.stride import Stride


class MBConvConfig(InvertedResidualConfig):
    """Block of EfficientNet (Tan & Le 2019, arXiv:1905.11946, table 1), without stochastic depth.

    Hidden channels are rounded to a multiple of 8; the squeeze has a quarter of the block's input
    channels, as in torchvision. EfficientNet-Lite's block has no squeeze, ReLU6, `same` padding and
    an epsilon of 0.001.
    """

    name: ClassVar[str] = "MBConv"
    row_arguments: ClassVar[tuple[str, ...]] = ("expand", "out", "stride", "kernel")

    expand: Expand
    """Expansion: hidden over input channels, before rounding."""
    out: Channels
    """Output channels."""
    stride: Stride = 1
    """Stride of the depthwise convolution; `2x1` is 2 vertically and 1 horizontally."""
    kernel: OddKernel = 3
    """Side of the depthwise kernel, in pixels."""
    se: bool = True
    """Squeeze-and-excitation after the depthwise convolution."""
    activation: ActivationName = "SiLU"
    """Activation of the expanding and the depthwise convolution."""
    padding: SamePadding | None = None
    """Of the depthwise convolution; null keeps the size at stride 1, `same` pads as TensorFlow."""
    norm_eps: NormEps = 1e-5
    """Added to the variance in the normalisations."""

    def layout(self, in_channels: int) -> Layout:
        hidden = make_divisible(in_channels * self.expand)
        return Layout(
            in_channels=in_channels,
            hidden=hidden,
            expands=hidden != in_channels,
            out=self.out,
            kernel=self.kernel,
            stride=self.stride,
            activation=self.activation,
            squeeze=max(1, in_channels // 4) if self.se else None,
            squeeze_activation="SiLU" if self.se else "ReLU",
            norm_eps=self.norm_eps,
            padding=self.padding,
        )

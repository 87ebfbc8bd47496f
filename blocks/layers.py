"""Layers that several blocks share; a search does not choose them by themselves."""

import torch
from torch import Tensor, nn

from blocks.base import ActivationName, Axes, SamePadding, resolved_padding, same_padding
from blocks.cost import Cost, bare_convolution_cost, convolution_cost
from blocks.stride import axis_strides

WITHOUT_IN_PLACE = frozenset({"GELU", "Sigmoid", "Tanh"})
"""Activations without an in-place form in PyTorch."""


def make_divisible(channels: float, divisor: int = 8) -> int:
    """`channels` rounded to a multiple of `divisor`, at most 10 % down (MobileNetV2's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def make_activation(name: ActivationName | None) -> nn.Module:
    """The activation module of that name; `None` is the identity."""
    if name is None:
        return nn.Identity()
    activation: type[nn.Module] = getattr(nn, name)
    return activation() if name in WITHOUT_IN_PLACE else activation(inplace=True)


UNSAFE_BELOW = 8
"""Input channels below which a strided 1x1 convolution is computed by `Subsample`.

oneDNN's backward pass of its weights in channels_last writes behind its buffer there and ends the
process, on CPUs without AVX-512 (seen in PyTorch 2.14.1 and 2.15.0).
"""


class Subsample:
    """A hook before a 1x1 convolution without stride: it subsamples the input.

    Outputs and multiply-adds are those of the convolution with that stride.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = rows
        self.columns = columns

    def __call__(self, module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        (x_NCHW,) = inputs
        channels_last = x_NCHW.is_contiguous(memory_format=torch.channels_last)
        memory = torch.channels_last if channels_last else torch.contiguous_format
        return (x_NCHW[:, :, :: self.rows, :: self.columns].contiguous(memory_format=memory),)


class SamePad:
    """A hook before a convolution without padding: it pads by `same_padding` of the input's size.

    The convolution stays the plain one that counters, folding and exports know.
    """

    def __init__(self, kernel: int, rows: int, columns: int) -> None:
        self.kernel = kernel
        self.rows = rows
        self.columns = columns

    def __call__(self, module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        (x_NCHW,) = inputs
        height, width = x_NCHW.shape[2:]
        left, right = same_padding(width, self.kernel, self.columns)
        above, below = same_padding(height, self.kernel, self.rows)
        return (nn.functional.pad(x_NCHW, (left, right, above, below)),)


class ConvNormAct(nn.Sequential):
    """Convolution without bias, batch normalisation, activation; `padding=None` keeps the size,
    `same` pads as TensorFlow does.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int | str = 1,
        groups: int = 1,
        activation: ActivationName | None = "ReLU",
        padding: int | SamePadding | None = None,
        norm_eps: float = 1e-5,
    ) -> None:
        padding = resolved_padding(kernel, stride, padding)
        padded = 0 if padding == "same" else padding
        steps = axis_strides(stride)
        alone = kernel == 1 and padded == 0 and groups == 1
        subsampled = alone and steps != (1, 1) and in_channels < UNSAFE_BELOW
        conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            1 if subsampled else steps,
            padded,
            groups=groups,
            bias=False,
        )
        if padding == "same" and kernel > 1:
            conv.register_forward_pre_hook(SamePad(kernel, *steps))
        if subsampled:
            conv.register_forward_pre_hook(Subsample(*steps))
        modules: list[nn.Module] = [conv, nn.BatchNorm2d(out_channels, norm_eps)]
        if activation is not None:
            modules.append(make_activation(activation))
        super().__init__(*modules)


def conv_norm_axes(prefix: str, out: str, into: str | None) -> dict[str, Axes]:
    """Channels along the axes of a `ConvNormAct`'s tensors; `into` None is a depthwise one."""
    axes: dict[str, Axes] = {f"{prefix}0.weight": (out, into, None, None)}
    statistics = ("weight", "bias", "running_mean", "running_var")
    return axes | {f"{prefix}1.{name}": (out,) for name in statistics}


class SqueezeExcitation(nn.Module):
    """Channel gates from globally pooled features (Hu et al. 2018, arXiv:1709.01507, eq. 2-4)."""

    def __init__(
        self,
        channels: int,
        squeeze_channels: int,
        activation: ActivationName = "ReLU",
        gate: ActivationName = "Sigmoid",
    ) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, squeeze_channels, 1)
        self.activation = make_activation(activation)
        self.restore = nn.Conv2d(squeeze_channels, channels, 1)
        self.gate = make_activation(gate)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        # squeeze
        scale_NC11: Tensor = self.reduce(self.pool(x_NCHW))
        # excite
        scale_NC11 = self.gate(self.restore(self.activation(scale_NC11)))
        return x_NCHW * scale_NC11


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

"""Cost and memory of a block in closed form."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one sample's forward pass."""

    macs: int = 0
    """Multiply-adds."""
    parameters: int = 0
    """Learned weights."""
    convolution_outputs: int = 0
    """Output elements of convolutions; training time follows them more closely than the MACs."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.macs + other.macs,
            self.parameters + other.parameters,
            self.convolution_outputs + other.convolution_outputs,
        )


def bare_convolution_cost(
    in_channels: int, out: int, locations: int, kernel: int = 1, groups: int = 1
) -> Cost:
    """Cost of a convolution at `locations` output pixels, without bias or normalisation."""
    weights = out * (in_channels // groups) * kernel * kernel
    return Cost(weights * locations, weights, out * locations)


def convolution_cost(
    in_channels: int,
    out: int,
    locations: int,
    kernel: int = 1,
    groups: int = 1,
    *,
    normed: bool = True,
) -> Cost:
    """Cost of a convolution with its normalisation, or with its bias if it has none."""
    bare = bare_convolution_cost(in_channels, out, locations, kernel, groups)
    return bare + Cost(parameters=2 * out if normed else out)


@dataclass(frozen=True, slots=True)
class Alive:
    """What must be in memory while one op of a block runs."""

    values: int
    """Elements of tensors besides the block's input."""
    holds_input: bool
    """Whether the block's input is read here, or later."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a block takes on a device: its weights, and what it computes of one sample.

    Batch-norm is folded into the convolutions, and activation functions run in place.
    """

    weights: int
    """Of convolutions and linear layers, without their biases."""
    channels: int
    """Output channels of those layers."""
    alive: tuple[Alive, ...]
    """Op by op, in their order."""

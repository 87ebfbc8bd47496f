"""What a block costs, in closed form."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one sample's forward pass through some blocks."""

    macs: int = 0
    """Multiply-adds."""
    parameters: int = 0
    """Weights."""
    convolution_outputs: int = 0
    """Elements that convolutions put out, which training time follows more than the MACs."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.macs + other.macs,
            self.parameters + other.parameters,
            self.convolution_outputs + other.convolution_outputs,
        )


def bare_convolution_cost(
    in_channels: int, out: int, locations: int, kernel: int = 1, groups: int = 1
) -> Cost:
    """A convolution to `out` channels at `locations` pixels, without bias or normalisation."""
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
    """The same with its normalisation or else its bias."""
    bare = bare_convolution_cost(in_channels, out, locations, kernel, groups)
    return bare + Cost(parameters=2 * out if normed else out)

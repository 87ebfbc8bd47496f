"""Cost of a block in closed form."""

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

"""What an exported file computes: the network, and the last step of preprocessing where wanted."""

from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.train.exported import InputScale


class ExportGraph(nn.Module):
    """A network whose outputs are a tensor or a plain tuple of them.

    With a `scale` it takes raw inputs: pixels as files have them, or spectrograms in dB.
    """

    scale_C11: Tensor
    shift_C11: Tensor

    def __init__(self, network: nn.Module, scale: InputScale | None) -> None:
        super().__init__()
        self.network = network
        self.scale = scale
        if scale is not None:
            self.register_buffer("scale_C11", torch.tensor(scale.scale_C)[:, None, None])
            self.register_buffer("shift_C11", torch.tensor(scale.shift_C)[:, None, None])

    def forward(self, x: Tensor) -> Any:
        """The network's outputs for (N, C, H, W), of pixels for (N, H, W, C)."""
        if self.scale is not None:
            x = x.permute(0, 3, 1, 2).float() if self.scale.pixels else x
            x = x * self.scale_C11 + self.shift_C11
        outputs = self.network(x)
        return tuple(outputs) if isinstance(outputs, tuple) else outputs


def scale_of(architecture: ArchitectureSpec) -> InputScale:
    """How the architecture's inputs are normalised. Raises NasError for a kind of one's own."""
    scale = InputScale.of(architecture)
    if scale is None:
        kind = "none" if architecture.preprocess is None else architecture.preprocess.kind
        raise NasError(
            f"preprocessing of the kind {kind} can't be put into a file; allowed: image, mel, xray",
            key="--with-preprocess",
        )
    return scale

"""The last step of preprocessing as a part of the network: scale, mean and deviation."""

import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.train.exported import InputScale


class WithNormalisation(nn.Module):
    """A network of raw inputs: pixels as files have them, or spectrograms in dB."""

    scale_C11: Tensor
    shift_C11: Tensor

    def __init__(self, network: nn.Module, scale: InputScale) -> None:
        super().__init__()
        self.network = network
        self.scale = scale
        self.register_buffer("scale_C11", torch.tensor(scale.scale_C)[:, None, None])
        self.register_buffer("shift_C11", torch.tensor(scale.shift_C)[:, None, None])

    def forward(self, raw: Tensor) -> Tensor:
        """The network's outputs for uint8 (N, H, W, C), or float32 (N, C, H, W)."""
        x_NCHW = raw.permute(0, 3, 1, 2).float() if self.scale.pixels else raw
        outputs: Tensor = self.network(x_NCHW * self.scale_C11 + self.shift_C11)
        return outputs


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

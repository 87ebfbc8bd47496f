"""Detection head: classes and boxes at every location of several maps, without anchors."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from blocks.base import ActivationName, BlockConfig, Channels, Shape
from blocks.cost import Cost, bare_convolution_cost, convolution_cost
from blocks.layers import make_activation
from blocks.pyramid import STRIDES, maps_of

PRIOR_LOGIT = -4.595
"""Logit of 0.01: objects are rare (Lin et al. 2017, section 4.1)."""


class DetectionOutput(NamedTuple):
    """Outputs at P locations, those of the finest map first, row by row; K classes."""

    class_logits_NPK: Tensor
    """Class logits."""
    distances_NP4: Tensor
    """Input pixels from the location to the left, top, right and bottom side of its box."""
    centre_logits_NP: Tensor
    """Logits of the centre-ness: how near the location is to the centre of its box."""


class DetectionHead(nn.Module):
    """See `DetectionHeadConfig`."""

    def __init__(
        self, channels: int, levels: int, classes: int, activation: ActivationName
    ) -> None:
        super().__init__()
        self.strides = STRIDES[-levels:]
        self.classes = classes
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        # The maps' statistics differ, so each has its own normalisation.
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(levels))
        self.activation = make_activation(activation)
        self.predict = nn.Conv1d(channels, classes + 5, 1)

    def forward(self, maps: Sequence[Tensor]) -> DetectionOutput:
        # tower, shared by the maps
        features = [self._tower(x, norm) for x, norm in zip(maps, self.norms, strict=True)]
        features_NCP = torch.cat(features, dim=2)
        # predict
        values_NPV = self.predict(features_NCP).transpose(1, 2)
        logits_NPK, sides_NP4, centre_NP1 = values_NPV.split([self.classes, 4, 1], dim=2)
        sides_NP4 = functional.softplus(sides_NP4) * self._strides_P1(maps)
        return DetectionOutput(logits_NPK + PRIOR_LOGIT, sides_NP4, centre_NP1[..., 0])

    def _tower(self, x_NCHW: Tensor, norm: nn.Module) -> Tensor:
        x_NCHW = self.pointwise(self.depthwise(x_NCHW))
        x_NCP: Tensor = self.activation(norm(x_NCHW)).flatten(2)
        return x_NCP

    def _strides_P1(self, maps: Sequence[Tensor]) -> Tensor:
        parts = [
            x.new_full((x.shape[2] * x.shape[3], 1), stride)
            for x, stride in zip(maps, self.strides, strict=True)
        ]
        return torch.cat(parts)


class DetectionHeadConfig(BlockConfig):
    """Anchor-free head (FCOS, Tian et al. 2019, arXiv:1904.01355, figure 2); not in the registry.

    One separable convolution serves classes and boxes and is shared by all maps except for its
    normalisation (as in EfficientDet); the paper has four convolutions for each. The maps have the
    last of the strides 8, 16, 32. The output shape `(P, K)` is that of the class logits.
    """

    name: ClassVar[str] = "DetectionHead"

    out: Channels
    """Classes."""
    activation: ActivationName = "ReLU"
    """Activation of the shared convolution."""

    def output_shape(self, in_shape: Shape) -> Shape:
        maps = maps_of(in_shape, self.name)
        if len(maps) > len(STRIDES) or len({channels for channels, _, _ in maps}) > 1:
            raise ValueError(f"{self.name} takes at most {len(STRIDES)} maps of one width")
        return sum(height * width for _, height, width in maps), self.out

    def cost(self, in_shape: Shape) -> Cost | None:
        maps = maps_of(in_shape, self.name)
        channels, locations = maps[0][0], self.output_shape(in_shape)[0]
        tower = bare_convolution_cost(channels, channels, locations, 3, channels)
        tower += bare_convolution_cost(channels, channels, locations)
        norms = Cost(parameters=2 * channels * len(maps))
        return tower + norms + convolution_cost(channels, self.out + 5, locations, normed=False)

    def build(self, in_shape: Shape) -> nn.Module:
        self.output_shape(in_shape)
        maps = maps_of(in_shape, self.name)
        return DetectionHead(maps[0][0], len(maps), self.out, self.activation)

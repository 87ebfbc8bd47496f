"""A block of one's own: half of its channels are convolved, half are made from those cheaply.

Here it is counted; `nas search --import own_block --space FILE` searches a space that names it, and
`pytest examples/test_own_block.py` runs the contract of blocks on it.
Source: the Ghost module (Han et al. 2020, arXiv:1911.11907, figure 2b).
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

import nas
from blocks import BlockConfig, ConvNormAct, Shape
from blocks.base import convolved_sides, feature_map
from blocks.stride import Stride
from nas.spec.architecture import parse_architecture

ARCHITECTURE = """
input: {channels: 3, height: 16, width: 16}
layers:
  - {block: Conv, out: 8, stride: 2}
  - {block: Ghost, half: 8, stride: 2}
"""


class Ghost(nn.Module):
    def __init__(self, in_channels: int, half: int, stride: int | str) -> None:
        super().__init__()
        self.primary = ConvNormAct(in_channels, half, 3, stride)
        self.cheap = ConvNormAct(half, half, 3, groups=half)

    def forward(self, x: Tensor) -> Tensor:
        y = self.primary(x)
        return torch.cat([y, self.cheap(y)], dim=1)


@nas.register_block
class GhostConfig(BlockConfig):
    name: ClassVar[str] = "Ghost"
    row_arguments: ClassVar[tuple[str, ...]] = ("half", "stride")
    shape_fields: ClassVar[frozenset[str]] = frozenset({"half", "stride"})

    half: int = Field(strict=True, ge=2, le=1_024)
    stride: Stride = 1

    def output_shape(self, in_shape: Shape) -> Shape:
        _, height, width = feature_map(in_shape, self.name)
        return 2 * self.half, *convolved_sides(height, width, 3, self.stride, padding=1)

    def build(self, in_shape: Shape) -> nn.Module:
        return Ghost(feature_map(in_shape, self.name)[0], self.half, self.stride)


if __name__ == "__main__":
    network = nas.build_network(parse_architecture(ARCHITECTURE))
    for layer in nas.count_macs(network, (3, 16, 16)).layers:
        print(layer.name, layer.block, layer.macs)

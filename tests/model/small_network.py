"""A small network of ours, filled at random."""

from torch import nn

from nas import build_network
from nas.spec.architecture import parse_architecture
from nas.spec.definition import ArchitectureSpec
from tests.blocks.parity import randomise

SMALL = parse_architecture("""
name: small
input: {channels: 3, height: 16, width: 16}
layers:
  - {name: stem, block: Conv, out: 8, stride: 2}
  - {name: body, block: InvertedResidualv2, out: 8, expand: 2, repeat: 2}
classes: 4
""")


def filled(architecture: ArchitectureSpec) -> nn.Module:
    network = build_network(architecture).eval()
    randomise(network)
    return network

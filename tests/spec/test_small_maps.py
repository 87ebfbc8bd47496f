"""Where maps shrink to a point, by the strides alone."""

import pytest

from nas.spec.architecture import parse_architecture
from nas.spec.small_maps import small_map

NETWORK = """
input: {{channels: 3, height: {height}, width: {width}}}
classes: 4
layers:
  - {{name: a, block: Conv, out: 8, kernel: 3, stride: 2}}
  - {{name: b, block: InvertedResidualv2, out: 8, expand: 2, stride: 2, repeat: 2}}
  - {{name: c, block: {last}}}
  - {{name: wide, block: Conv, out: 16, kernel: 1}}
  - {{name: gap, block: GlobalAvgPool}}
  - {{name: flat, block: Flatten}}
  - {{name: dense, block: Linear, out: 8}}
"""
STAGE = "ShuffleNetV2, stride: 2"


@pytest.mark.parametrize(
    ("height", "width", "last", "found"),
    [
        (32, 32, STAGE, None),  # 16, 8, 4
        (5, 5, STAGE, None),  # 3, 2, 1: only the last stage ends in a point
        (4, 4, STAGE, "1x1 behind b"),
        (2, 2, STAGE, "1x1 behind a"),
        (4, 16, STAGE, "1x4 behind b"),
        (32, 2, STAGE, "16x1 behind a"),
        (4, 4, "Conv, out: 8, kernel: 1", None),  # which has no window
        (4, 4, "Dropout", None),
        (4, 4, "MaxPool, kernel: 3, stride: 1, padding: 1", "1x1 behind b"),
    ],
)
def test_the_first_map_with_a_side_of_one(
    height: int, width: int, last: str, found: str | None
) -> None:
    network = parse_architecture(NETWORK.format(height=height, width=width, last=last))
    small = small_map(network)
    assert (None if small is None else small.text) == found

"""The feature pyramid against torchvision's."""

import torch
from torch import nn
from torchvision.ops import FeaturePyramidNetwork

from blocks.fpn import FPN


def test_top_down_path_is_torchvisions() -> None:
    torch.manual_seed(0)
    ours = FPN([8, 12, 20], 16, "ReLU").eval()
    theirs = FeaturePyramidNetwork([8, 12, 20], 16)
    for level, lateral in enumerate(ours.lateral):
        conv = lateral[0]
        lateral[1] = nn.Identity()
        ours.smooth[level] = nn.Identity()
        with torch.no_grad():
            theirs.inner_blocks[level][0].weight.copy_(conv.weight)
            theirs.inner_blocks[level][0].bias.zero_()
        theirs.layer_blocks[level] = nn.Identity()
    maps = [torch.randn(2, 8, 9, 14), torch.randn(2, 12, 5, 7), torch.randn(2, 20, 3, 4)]
    expected = theirs({str(level): x for level, x in enumerate(maps)})
    for found, wanted in zip(ours(maps), expected.values(), strict=True):
        torch.testing.assert_close(found, wanted)

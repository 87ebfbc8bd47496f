"""Published networks written as architecture files are torchvision's, weight by weight."""

from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import search_spaces
from nas import build_network, count_macs, load_architecture
from tests.blocks.parity import copy_weights, images, randomise

REFERENCE = Path(next(iter(search_spaces.__path__))) / "reference"
NETWORKS = {
    "shufflenet_v2_x0_5": (1_366_792, 40_476_448),
    "mobilenet_v3_small": (2_542_856, 56_510_400),
    "mobilenet_v3_large": (5_483_032, 216_589_760),
    "mobilenet_v2": (3_504_872, 300_774_272),
    "efficientnet_b0": (5_288_548, 385_814_752),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def test_every_file_is_checked() -> None:
    assert {path.stem for path in REFERENCE.glob("*.yaml")} == set(NETWORKS)


@every_network
def test_parameters_and_macs_are_torchvisions(name: str) -> None:
    architecture = load_architecture(REFERENCE / f"{name}.yaml")
    with torch.device("meta"):
        ours = build_network(architecture)
        theirs = torchvision.models.get_model(name).eval()
        with FlopCounterMode(display=False) as counter:
            theirs(torch.empty(1, 3, 224, 224))
    report = count_macs(ours, (3, 224, 224))
    assert report.total == counter.get_total_flops() // 2
    assert report.parameters == sum(parameter.numel() for parameter in theirs.parameters())
    assert (report.parameters, report.total) == NETWORKS[name]


@every_network
def test_head_of_the_file_tells_its_figures(name: str) -> None:
    parameters, macs = NETWORKS[name]
    text = (REFERENCE / f"{name}.yaml").read_text(encoding="utf-8")
    assert f"# {parameters:,} parameters; {macs:,} MACs." in text


@every_network
def test_output_is_torchvisions_with_its_weights(name: str) -> None:
    """At 64 pixels: the same layers in the same order do the same arithmetic."""
    ours = build_network(load_architecture(REFERENCE / f"{name}.yaml")).eval()
    theirs = torchvision.models.get_model(name).eval()
    randomise(theirs)
    copy_weights(theirs, ours)
    for network in (ours, theirs):
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eps = 1e-5  # the convolutions outside torchvision's V3 blocks have 1e-3 too
    x = images(1, 3, 64, 64)
    with torch.no_grad():
        expected = theirs(x)
        torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-4 * expected.abs().max())

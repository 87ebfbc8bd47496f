"""Published networks written as architecture files are their library's, weight by weight."""

from pathlib import Path

import pytest
import timm
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
    "shufflenet_v2_x1_0": (2_278_604, 144_907_992),
    "mobilenet_v3_small": (2_542_856, 56_510_400),
    "mobilenet_v3_large": (5_483_032, 216_589_760),
    "mobilenet_v2": (3_504_872, 300_774_272),
    "efficientnet_b0": (5_288_548, 385_814_752),
    "efficientnet_lite0": (4_652_008, 385_187_552),
    "efficientnet_lite1": (5_416_680, 600_185_232),
    "efficientnet_lite2": (6_092_072, 859_736_272),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def published(name: str) -> nn.Module:
    """The network of torchvision, or of timm where torchvision has none."""
    network = (
        timm.create_model(f"tf_{name}") if "lite" in name else torchvision.models.get_model(name)
    )
    assert isinstance(network, nn.Module)
    return network.eval()


def test_every_file_is_checked() -> None:
    assert {path.stem for path in REFERENCE.glob("*.yaml")} == set(NETWORKS)


@every_network
def test_parameters_and_macs_are_the_librarys(name: str) -> None:
    architecture = load_architecture(REFERENCE / f"{name}.yaml")
    with torch.device("meta"):
        ours = build_network(architecture)
        theirs = published(name)
        with FlopCounterMode(display=False) as counter:
            theirs(torch.empty(1, *architecture.input.shape))
    report = count_macs(ours, architecture.input.shape)
    assert report.total == counter.get_total_flops() // 2
    assert report.parameters == sum(parameter.numel() for parameter in theirs.parameters())
    assert (report.parameters, report.total) == NETWORKS[name]


@every_network
def test_head_of_the_file_tells_its_figures(name: str) -> None:
    parameters, macs = NETWORKS[name]
    text = (REFERENCE / f"{name}.yaml").read_text(encoding="utf-8")
    assert f"# {parameters:,} parameters; {macs:,} MACs." in text


@every_network
@pytest.mark.parametrize("size", [(224, 224), (46, 64), (75, 51)])
def test_output_is_the_librarys_with_its_weights(name: str, size: tuple[int, int]) -> None:
    """The same layers in the same order do the same arithmetic, whatever the input's size."""
    ours = build_network(load_architecture(REFERENCE / f"{name}.yaml")).eval()
    theirs = published(name)
    randomise(theirs)
    copy_weights(theirs, ours)
    x = images(1, 3, *size)
    with torch.no_grad():
        expected = theirs(x)
        close = 1e-5 * expected.abs().max()
        torch.testing.assert_close(ours(x), expected, rtol=1e-5, atol=close)

"""Another library's network before its pooling, and behind it our head over time."""

import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from blocks import TimeAttentionOutput
from nas.errors import NasError
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.model.features import feature_shape, load_features, shapes_only
from nas.model.identity import architecture_hash
from nas.model.reference import allow_module
from nas.spec.architecture import parse_architecture
from nas.spec.definition import ArchitectureSpec

# Names, and the channels of the map, as the authors of the rainforest pipeline cut them.
PUBLISHED_CUTS = [
    ("timm:resnet18", 512),
    ("timm:densenet121", 1024),
    ("timm:efficientnet_b0@blocks", 320),
    ("timm:resnest50d", 2048),
    ("timm:mobilenetv2_100", 1280),
]


@pytest.mark.parametrize(("model", "channels"), PUBLISHED_CUTS)
def test_the_published_cuts_give_a_map_32_times_smaller(model: str, channels: int) -> None:
    for planes in (1, 3):
        with torch.device("meta"):
            features = load_features(model, planes)
        assert feature_shape(shapes_only(features), (planes, 128, 512)) == (channels, 4, 16)


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "densenet121",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "shufflenet_v2_x0_5",
        "mnasnet0_5",
        "regnet_y_400mf",
        pytest.param("efficientnet_b0", marks=pytest.mark.slow),
        pytest.param("swin_t", marks=pytest.mark.slow),
    ],
)
def test_torchvision_s_features_are_what_the_network_pools(name: str) -> None:
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None).eval()
    features = load_features(f"torchvision:{name}").eval()
    features.load_state_dict(network.state_dict(), strict=False)
    heads = {"fc": "fc", "classifier": "classifier", "head": "head"}
    classify = getattr(network, next(part for part in heads if hasattr(network, part)))
    x_NCHW = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        map_NCHW = features(x_NCHW)
        assert map_NCHW.dim() == 4
        torch.testing.assert_close(classify(map_NCHW.mean((2, 3))), network(x_NCHW))


def test_timm_s_features_are_what_the_network_pools() -> None:
    torch.manual_seed(0)
    network = timm.create_model("mobilenetv2_050").eval()
    features = load_features("timm:mobilenetv2_050").eval()
    missing = features.load_state_dict(network.state_dict(), strict=False).missing_keys
    assert missing == []
    x_NCHW = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        logits = network.get_classifier()(features(x_NCHW).mean((2, 3)))
        torch.testing.assert_close(logits, network(x_NCHW))


def test_a_cut_ends_behind_the_named_part() -> None:
    torch.manual_seed(0)
    network = timm.create_model("efficientnet_b0").eval()
    features = load_features("timm:efficientnet_b0@blocks").eval()
    features.load_state_dict(network.state_dict(), strict=False)
    assert not [name for name, _ in features.named_parameters() if name.startswith("conv_head")]
    x_NCHW = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = network.blocks(network.bn1(network.conv_stem(x_NCHW)))
        torch.testing.assert_close(features(x_NCHW), expected)


@pytest.mark.parametrize("model", ["torchvision:mobilenet_v3_small", "timm:mobilenetv2_050"])
def test_one_plane_gives_what_three_copies_of_it_gave(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = published_weights(model)
    monkeypatch.setattr("nas.model.download.check_connection", lambda url: None)
    monkeypatch.setattr(
        torchvision.models.MobileNet_V3_Small_Weights, "get_state_dict", lambda *a, **k: published
    )
    monkeypatch.setattr(
        "timm.models._builder.load_state_dict_from_hf", lambda *a, **k: dict(published)
    )
    grey = load_features(model, 1, pretrained=True).eval()
    colour = load_features(model, 3, pretrained=True).eval()
    plane = torch.randn(1, 1, 64, 64)
    first, usual = (
        next(part for part in features.modules() if isinstance(part, nn.Conv2d))
        for features in (grey, colour)
    )
    with torch.no_grad():
        torch.testing.assert_close(first(plane), usual(plane.expand(-1, 3, -1, -1)))
        torch.testing.assert_close(
            grey(plane), colour(plane.expand(-1, 3, -1, -1)), rtol=1e-3, atol=1e-4
        )


def published_weights(model: str) -> dict[str, Tensor]:
    """Weights as the library would download them."""
    source, name = model.split(":")
    network: nn.Module = (
        timm.create_model(name)
        if source == "timm"
        else torchvision.models.get_model(name, weights=None)
    )
    return network.state_dict()


FACTORIES = """
from torch import nn

def a_map():
    return nn.Conv2d(1, 8, 3, stride=4, padding=1)

def a_vector():
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "map_factories.py").write_text(FACTORIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "map_factories", raising=False)
    allow_module("map_factories")


def over_time(model: str, head: str = "attention", size: str = "1x32x64") -> ArchitectureSpec:
    channels, height, width = size.split("x")
    return parse_architecture(
        f"task: sed\ninput: {{channels: {channels}, height: {height}, width: {width}}}\n"
        f"model: {model}\nhead: {head}\nclasses: 5\n"
    )


@pytest.mark.usefixtures("factories")
def test_a_network_of_one_s_own_gets_the_head_over_time() -> None:
    network = build_network(over_time("map_factories:a_map"))
    outputs = network(torch.randn(2, 1, 32, 64))
    assert isinstance(outputs, TimeAttentionOutput)
    assert outputs.clipwise_NK.shape == (2, 5)
    # a stride of 4: each time step after the first stands for 4 of the 64 frames around its own
    steps_NKTS = outputs.segmentwise_NKT[..., 2:62].reshape(2, 5, 15, 4)
    assert torch.equal(steps_NKTS, steps_NKTS[..., :1].expand(-1, -1, -1, 4))
    assert (steps_NKTS[..., 1:, 0] != steps_NKTS[..., :-1, 0]).any()


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("map_factories:a_vector", r"needed is a feature map .*, not \(1, 8\)"),
        ("timm:vit_tiny_patch16_224", "can't run on an input of 1x32x64|not \\(1, "),
        ("timm:efficientnet_b0@block", "has no part 'block'; did you mean 'blocks'"),
        ("torchvision:googlenet", "torchvision's GoogLeNet can't be cut before its pooling"),
        ("timm:resnet19", "did you mean 'resnet1"),
    ],
)
@pytest.mark.usefixtures("factories")
def test_what_gives_no_map_is_refused(model: str, says: str) -> None:
    with torch.device("meta"), pytest.raises(NasError, match=says):
        build_network(over_time(model))


@pytest.mark.usefixtures("factories")
def test_the_head_of_a_foreign_network_is_counted_in_closed_form() -> None:
    # 8 filters of 1 x 3 x 3 at 8 x 16 places, then two 1x1 convolutions 8 -> 5 at 16 steps
    assert count_macs(build_network(over_time("map_factories:a_map")), (1, 32, 64)).total == (
        8 * 9 * 8 * 16 + 2 * 8 * 5 * 16
    )


def test_the_head_is_part_of_a_foreign_network_s_identity() -> None:
    heads = ("linear", "attention", "cbam_attention")
    hashes = {architecture_hash(over_time("timm:resnet18", head)) for head in heads}
    assert len(hashes) == 3


def test_unreachable_weights_are_said_of_features_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise OSError("offline")

    monkeypatch.setattr("nas.model.download.check_connection", lambda url: None)
    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(NasError, match="weights of resnet18 could not be had: offline"):
        build_network(over_time("timm:resnet18"), pretrained=True)

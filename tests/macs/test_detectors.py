"""torchvision's detectors, against what torchvision publishes and PyTorch's own counter."""

import json
from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import detection

from nas.macs.count import count_macs
from nas.macs.report import as_json, as_text
from nas.model.reference import counted_network

PUBLISHED = {
    "fasterrcnn_resnet50_fpn": 800,
    "maskrcnn_resnet50_fpn_v2": 800,
    "retinanet_resnet50_fpn": 800,
    "fcos_resnet50_fpn": 800,
    "ssd300_vgg16": 300,
    "ssdlite320_mobilenet_v3_large": 320,
}
"""Side of the input, where the published figure is of as many boxes as a detector takes."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_multiply_adds(name: str) -> None:
    published = torchvision.models.get_model_weights(name).DEFAULT.meta["_ops"]
    side = PUBLISHED[name]
    with torch.device("meta"):
        network = counted_network(f"torchvision:{name}", input_size=(side, side))
    total = count_macs(network, (3, side, side)).total
    assert total / 1e9 == pytest.approx(published, abs=6e-4)


class Heads(nn.Module):
    """A detector within a network of one's own."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.detector([x[0]])[0]["boxes"]


@pytest.mark.parametrize(
    "build", [detection.maskrcnn_resnet50_fpn, detection.keypointrcnn_resnet50_fpn]
)
def test_pytorch_s_counter_agrees_for_as_many_boxes(build: Callable[..., nn.Module]) -> None:
    """All that a real pass has found is what is stated."""
    torch.manual_seed(0)
    network = build(
        weights=None, weights_backbone=None, min_size=64, max_size=64, box_score_thresh=0.0,
        box_detections_per_img=3, rpn_post_nms_top_n_test=7, rpn_nms_thresh=0.99,
        box_nms_thresh=0.99,
    ).eval()  # fmt: skip
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        found = network(list(x))
    assert len(found[0]["boxes"]) == 3
    report = count_macs(Heads(network), (3, 64, 64))
    assert report.total == counter.get_total_flops() // 2
    assert report.assumed[0].endswith(
        "with 7 proposals and 3 detections an image, the most that it takes"
    )
    assert report.assumed[0] in as_text(report)
    assert json.loads(as_json(report))["assumed"] == list(report.assumed)
    assert network.forward.__func__ is type(network).forward  # as it was

"""EfficientDet and Faster R-CNN as whole detectors: cost, order of coordinates, weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from baselines.covid.detectors import DETECTORS, detector_architecture, detector_named
from baselines.covid.effdet import EfficientDetector, _detections
from baselines.covid.faster_rcnn import FasterRCNN
from baselines.covid.published import PUBLISHED_DETECTIONS
from nas.errors import NasError
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.spec.definition import InputSpec
from nas.tasks.covid.detections import Detections
from nas.train.weights import load_backbone

SMALL = "fasterrcnn_mobilenet_v3_large_320_fpn"


@pytest.fixture(scope="module")
def d0() -> EfficientDetector:
    torch.manual_seed(0)
    return EfficientDetector("efficientdet_d0", 1, input_size=(128, 256))


def test_efficientdet_costs_what_its_paper_says() -> None:
    """Table 2 of Tan et al. 2020: D0 has 3.9 M parameters and 2.5 B multiply-adds, 90 classes."""
    report = count_macs(EfficientDetector("efficientdet_d0", 90), (3, 512, 512))
    assert round(report.total / 1e9, 1) == 2.5
    assert round(report.parameters / 1e6, 1) == 3.9


def test_faster_rcnn_costs_what_torchvision_says() -> None:
    """The figure beside its published weights (giga multiply-adds), at 800 x 800, 90 classes."""
    from torchvision.models import get_model_weights

    name = "fasterrcnn_resnet50_fpn"
    published = get_model_weights(name).DEFAULT.meta["_ops"]
    report = count_macs(FasterRCNN(name, 90), (3, 800, 800))
    assert report.total / 1e9 == pytest.approx(published, abs=0.01)


def test_efficientdet_is_given_y_before_x(
    d0: EfficientDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The diary's boxes were mirrored at x = y: its mAP was 0.0005 instead of 0.25."""
    from effdet.anchors import AnchorLabeler

    given: list[Any] = []
    label = AnchorLabeler.batch_label_anchors

    def noted(self: Any, boxes: Any, classes: Any, *rest: Any) -> Any:
        given.append((boxes, classes))
        return label(self, boxes, classes, *rest)

    monkeypatch.setattr(AnchorLabeler, "batch_label_anchors", noted)
    box = torch.tensor([[20.0, 30.0, 200.0, 90.0]])
    loss = d0.train().training_loss(torch.randn(2, 1, 128, 256), (box, torch.zeros(0, 4)))
    assert loss.isfinite()
    ((boxes, classes),) = given
    assert boxes[0].tolist() == [[30, 20, 90, 200]]
    assert classes[0].tolist() == [1]


def test_an_image_without_boxes_has_no_anchor_that_holds_one(
    d0: EfficientDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    import effdet.loss

    wanted: list[Any] = []
    forward = effdet.loss.DetectionLoss.forward

    def noted(self: Any, class_out: Any, box_out: Any, *targets: Any) -> Any:
        wanted.append(targets)
        return forward(self, class_out, box_out, *targets)

    monkeypatch.setattr(effdet.loss.DetectionLoss, "forward", noted)
    box = torch.tensor([[20.0, 30.0, 200.0, 90.0]])
    d0.train().training_loss(torch.randn(2, 1, 128, 256), (box, torch.zeros(0, 4)))
    ((classes, boxes, positives),) = wanted
    assert positives[0] > 0
    assert positives[1] == 0
    for level_classes, level_boxes in zip(classes, boxes, strict=True):
        assert (level_classes[1] < 0).all()
        assert (level_boxes[1] == 0).all()


def test_what_efficientdet_finds_is_x_before_y(d0: EfficientDetector) -> None:
    """An anchor that alone is sure, with no correction, is found where it lies."""
    anchors = d0.anchors.boxes
    wide = (anchors[:, 3] - anchors[:, 1]) > 1.5 * (anchors[:, 2] - anchors[:, 0])
    inside = (anchors.min(dim=1).values > 0) & (anchors[:, 2] < 128) & (anchors[:, 3] < 256)
    place = int((wide & inside).nonzero()[0])
    found = finding_at(d0, place)
    y1, x1, y2, x2 = anchors[place].tolist()
    np.testing.assert_allclose(found.boxes_B4[0], (x1, y1, x2, y2), rtol=1e-5)
    assert found.scores_B[0] > 0.99


def finding_at(detector: EfficientDetector, place: int) -> Detections:
    """What is found where only the anchor of that number says that it holds an object."""
    real, config = detector.model, detector.model.config
    with torch.no_grad():
        class_out, box_out = real.eval()(torch.zeros(1, 3, 128, 256))
    logits = [torch.full_like(x, -20.0) for x in class_out]
    flat = torch.cat([x.permute(0, 2, 3, 1).reshape(-1) for x in logits])
    flat[place] = 9.0
    parts = flat.split([x.numel() for x in logits])
    shaped = [
        part.reshape(x.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2)
        for part, x in zip(parts, logits, strict=True)
    ]

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = config

        def forward(self, x: Tensor) -> Any:
            return shaped, [torch.zeros_like(x) for x in box_out]

    detector.model = Fixed()
    try:
        (found,) = detector.eval()(torch.zeros(1, 1, 128, 256))
    finally:
        detector.model = real
    return found


def test_boxes_beyond_the_image_are_clipped(d0: EfficientDetector) -> None:
    beyond = (d0.anchors.boxes[:, 0] < -5).nonzero()[:1, 0]
    found = finding_at(d0, int(beyond[0]))
    assert found.boxes_B4.min() >= 0
    assert (found.boxes_B4[:, [1, 3]] <= 128).all()
    assert (found.boxes_B4[:, [0, 2]] <= 256).all()


def test_boxes_whose_sides_overflow_are_none() -> None:
    inf = float("inf")
    rows = torch.tensor(
        [[10.0, 20, 30, 60, 0.5, 1], [-inf, 0, inf, 9, 0.9, 1], [0, float("nan"), 9, 9, 0.8, 1]]
    )
    found = _detections(rows, (128, 256))
    assert found.boxes_B4.tolist() == [[10, 20, 30, 60]]
    assert found.scores_B.tolist() == [0.5]


@pytest.mark.parametrize("side", [100, 192])
def test_efficientdet_takes_multiples_of_128(side: int) -> None:
    with pytest.raises(NasError, match=f"{side}x128; allowed: multiples of 128"):
        EfficientDetector("efficientdet_d0", 1, input_size=(side, 128))


def test_faster_rcnn_learns_from_images_with_and_without_boxes() -> None:
    torch.manual_seed(0)
    detector = FasterRCNN(SMALL)
    x = torch.randn(2, 1, 64, 96)
    loss = detector.train().training_loss(x, (torch.tensor([[9.0, 5, 60, 40]]), torch.zeros(0, 4)))
    loss.backward()
    assert loss.isfinite()
    with torch.no_grad():
        found = detector.eval()(x)
    assert len(found) == 2
    for item in found:
        assert (np.diff(item.scores_B) <= 0).all()
        assert (item.boxes_B4 >= 0).all()
        assert (item.boxes_B4 <= (96, 64, 96, 64)).all()


def test_inputs_are_neither_resized_nor_normalised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    detector = FasterRCNN(SMALL).eval()
    backbone = detector.model.backbone

    class Noted(nn.Module):
        def forward(self, x: Tensor) -> Any:
            seen.append(x)
            return backbone(x)

    detector.model.backbone = Noted()
    x = torch.randn(1, 1, 64, 96)
    with torch.no_grad():
        detector(x)
    assert torch.equal(seen[0], x.expand(-1, 3, -1, -1))


@pytest.mark.parametrize("name", ["efficientdet_d0", SMALL])
def test_an_architecture_file_names_it(name: str) -> None:
    size = InputSpec(channels=1, height=128, width=128)
    network = build_network(detector_architecture(detector_named(name), size))
    assert isinstance(network, EfficientDetector | FasterRCNN)


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(NasError, match="no detector 'efficientdet_do'; did you mean 'efficientdet"):
        detector_named("efficientdet_do")


class TestBackboneWeights:
    """The diary's 002-ver45: a classifier's weights at the beginning of a detector."""

    def run(self, folder: Path, network: nn.Module) -> Path:
        folder.mkdir()
        state = {name: value.contiguous() for name, value in network.state_dict().items()}
        save_file(state, folder / "model.safetensors")
        return folder

    def test_of_efficientnet(self, tmp_path: Path, d0: EfficientDetector) -> None:
        import timm

        torch.manual_seed(1)
        classifier = timm.create_model("efficientnet_b0", num_classes=4)
        taken = load_backbone(d0, self.run(tmp_path / "run", classifier))
        own = d0.backbone.state_dict()
        assert taken == len(own)
        for name, value in classifier.state_dict().items():
            if name in own:
                assert torch.equal(own[name], value), name

    def test_of_torchvision(self, tmp_path: Path) -> None:
        from torchvision.models import mobilenet_v3_large

        classifier = mobilenet_v3_large(weights=None)
        detector = FasterRCNN(SMALL)
        assert load_backbone(detector, self.run(tmp_path / "run", classifier)) > 100
        own = detector.backbone.state_dict()
        assert torch.equal(own["0.0.weight"], classifier.features[0][0].weight)

    def test_another_network_is_refused(self, tmp_path: Path, d0: EfficientDetector) -> None:
        import timm

        before = {name: value.clone() for name, value in d0.backbone.state_dict().items()}
        run = self.run(tmp_path / "run", timm.create_model("efficientnet_b1"))
        with pytest.raises(NasError, match=r"the network there is another: \d+ tensors are in one"):
            load_backbone(d0, run)
        assert all(torch.equal(before[name], v) for name, v in d0.backbone.state_dict().items())

    def test_a_run_without_weights(self, tmp_path: Path, d0: EfficientDetector) -> None:
        with pytest.raises(NasError, match="no weights in it; is the run finished"):
            load_backbone(d0, tmp_path)


def test_published_figures_are_of_known_detectors() -> None:
    named = {row.model for row in PUBLISHED_DETECTIONS} - {"efficientdet"}
    assert named <= set(DETECTORS)
    best = max(PUBLISHED_DETECTIONS, key=lambda row: row.opacity_map or 0)
    assert (best.opacity_map, best.version) == (0.283403, "006 (ver44)")

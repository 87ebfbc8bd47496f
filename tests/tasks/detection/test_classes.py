"""Several classes through loss, decoding and metrics."""

import numpy as np
import pytest
import torch

from blocks import DetectionOutput
from nas.data.image.box_set import BoxSet
from nas.tasks.covid.batches import BoxTargets
from nas.tasks.covid.detection_loss import DenseBoxLoss, DetectionLossSpec
from nas.tasks.covid.detections import Detections, decode, location_table
from nas.tasks.detection.metrics import BoxMetrics

SIZE = (64, 64)
CLASSES = ("circle", "square", "triangle")


def outputs_for(boxes: list[list[float]], classes: list[int]) -> DetectionOutput:
    """Outputs that are sure of each box at the location next to its centre, and of nothing else."""
    locations_P3 = location_table(*SIZE)
    logits_1PK = torch.full((1, len(locations_P3), 3), -12.0)
    distances_1P4 = torch.ones(1, len(locations_P3), 4)
    for box, number in zip(boxes, classes, strict=True):
        x1, y1, x2, y2 = box
        centre = torch.tensor([(x1 + x2) / 2, (y1 + y2) / 2])
        place = int((locations_P3[:, :2] - centre).norm(dim=1).argmin())
        x, y, _ = locations_P3[place].tolist()
        logits_1PK[0, place, number] = 12.0
        distances_1P4[0, place] = torch.tensor([x - x1, y - y1, x2 - x, y2 - y])
    return DetectionOutput(logits_1PK, distances_1P4, torch.full((1, len(locations_P3)), 12.0))


def test_boxes_of_other_classes_at_the_same_place_are_kept() -> None:
    box = [8.0, 8.0, 24.0, 24.0]
    outputs = outputs_for([box], [0])
    outputs.class_logits_NPK[0, outputs.class_logits_NPK[0, :, 0].argmax(), 2] = 4.0
    (found,) = decode(outputs, SIZE)
    assert found.classes_B is not None
    assert found.classes_B.tolist() == [0, 2]
    np.testing.assert_allclose(found.boxes_B4, [box, box])
    assert found.scores_B[0] > found.scores_B[1] > 0.9


def test_the_loss_asks_for_the_class_of_the_box() -> None:
    boxes = [[8.0, 8.0, 24.0, 24.0], [32.0, 32.0, 56.0, 60.0]]
    loss = DenseBoxLoss(DetectionLossSpec())
    targets = BoxTargets((torch.tensor(boxes),), torch.tensor([1]), SIZE, (torch.tensor([2, 1]),))
    right, wrong = (loss(outputs_for(boxes, own), targets) for own in ([2, 1], [1, 2]))
    assert right < wrong
    logits = torch.zeros_like(outputs_for(boxes, [2, 1]).class_logits_NPK, requires_grad=True)
    loss(outputs_for(boxes, [2, 1])._replace(class_logits_NPK=logits), targets).backward()
    assert logits.grad is not None
    wanted_K = (logits.grad < 0).sum(dim=(0, 1)).tolist()
    assert wanted_K[0] == 0
    assert min(wanted_K[1:]) > 0


def test_figures_of_boxes_that_can_be_counted_by_hand() -> None:
    left, right = [0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 40.0, 40.0]
    pictures = BoxSet(
        np.zeros((2, 64, 64, 3), np.uint8),
        (np.array([left, right], np.float32), np.array([left], np.float32)),
        (np.array([0, 1]), np.array([0])),
        np.full((2, 2), 64),
        ("a", "b"),
        ("a", "b"),
        CLASSES,
    )
    found = [
        Detections(np.array([left, right, right]), np.array([0.9, 0.8, 0.7]), True,
                   np.array([0, 1, 2])),
        Detections(np.array([right]), np.array([0.6]), True, np.array([0])),
    ]  # fmt: skip
    metrics = BoxMetrics.from_detections(found, pictures, dict.fromkeys(CLASSES, 0.5))
    assert metrics.counts == {"circle": (1, 1, 1), "square": (1, 0, 0), "triangle": (0, 1, 0)}
    assert metrics.per_class_f1 == {"circle": 0.5, "square": 1.0, "triangle": None}
    assert metrics.f1_50 == pytest.approx(0.75)  # a class without a box has no F1
    assert metrics.ap_50 == {"circle": 0.5, "square": 1.0, "triangle": None}
    assert metrics.map_50 == 0.75
    assert BoxMetrics.from_json(metrics.as_json()) == metrics
    assert any("triangle" in line for line in metrics.lines())

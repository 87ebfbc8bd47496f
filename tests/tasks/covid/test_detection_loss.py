"""The loss of a dense detector, worked by hand from its formulas."""

from collections.abc import Sequence
from math import log, sqrt

import numpy as np
import pytest
import torch
from torch import Tensor

from blocks import DetectionOutput
from nas.metrics.boxes import iou_matrix
from nas.tasks.covid.batches import BoxTargets
from nas.tasks.covid.detection_loss import DenseBoxLoss, DetectionLossSpec, DetectorLoss
from nas.tasks.covid.detections import decode, location_table

SIZE = (64, 96)
LOCATIONS = location_table(*SIZE)
NO_BOX = torch.zeros(0, 4)
BOX = torch.tensor([[15.0, 14.0, 27.0, 30.0]])
"""With a radius of 0.5 the location (20, 20) alone answers for it: l 5, t 6, r 7, b 10."""
HERE = 2 * 12 + 2
NARROW = DetectionLossSpec(center_sampling_radius=0.5)


def targets(*boxes: Tensor) -> BoxTargets:
    labels = torch.tensor([int(len(image) > 0) for image in boxes])
    return BoxTargets(boxes, labels, SIZE)


def outputs(images: int, seed: int = 0) -> DetectionOutput:
    generator = torch.Generator().manual_seed(seed)
    logits_NP1 = torch.randn(images, len(LOCATIONS), 1, generator=generator) - 2
    sides_NP4 = torch.rand(images, len(LOCATIONS), 4, generator=generator) * 20 + 1
    centre_NP = torch.randn(images, len(LOCATIONS), generator=generator)
    return DetectionOutput(logits_NP1, sides_NP4, centre_NP)


def focal(logits: Sequence[float], positive: bool, alpha: float = 0.25, gamma: float = 2) -> float:
    """Lin et al. 2017, eq. 5, summed."""
    p = 1 / (1 + np.exp(-np.array(logits, np.float64)))
    p, weight = (p, alpha) if positive else (1 - p, 1 - alpha)
    return float((-weight * (1 - p) ** gamma * np.log(p)).sum())


def giou(a: Sequence[float], b: Sequence[float]) -> float:
    """Rezatofighi et al. 2019, algorithm 1."""
    shared = iou_matrix([a], [b])[0, 0]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    union = sum(areas) / (1 + shared)
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return shared - (hull - union) / hull


def cross_entropy(logit: float, share: float) -> float:
    p = 1 / (1 + np.exp(-logit))
    return -share * log(p) - (1 - share) * log(1 - p)


@pytest.mark.parametrize("box_weight", [1.0, 3.0])
def test_one_location_that_answers(box_weight: float) -> None:
    said = outputs(1)
    said.distances_NP4[0, HERE] = torch.tensor([4.0, 4.0, 8.0, 8.0])
    loss = DenseBoxLoss(DetectionLossSpec(center_sampling_radius=0.5, box_weight=box_weight))
    logits = said.class_logits_NPK[0, :, 0].tolist()
    others = logits[:HERE] + logits[HERE + 1 :]
    # (15, 14, 27, 30) against (16, 16, 28, 28): 11 x 12 of 192 + 144; the hull is 13 x 16.
    union = 192 + 144 - 132
    overlap = 132 / union - (13 * 16 - union) / (13 * 16)
    assert overlap == pytest.approx(giou([15, 14, 27, 30], [16, 16, 28, 28]))
    centreness = sqrt(5 / 7 * 6 / 10)
    expected = (
        focal([logits[HERE]], True)
        + focal(others, False)
        + box_weight * (1 - overlap)
        + cross_entropy(said.centre_logits_NP[0, HERE].item(), centreness)
    )
    assert loss(said, targets(BOX)).item() == pytest.approx(expected, rel=1e-5)


def test_several_locations_share_the_loss_by_their_centreness() -> None:
    """The boxes' term is the mean weighed by centre-ness; all is divided by the locations."""
    box = torch.tensor([[13.0, 9.0, 41.0, 33.0]])  # the middle is (27, 21)
    answering = [r * 12 + c for r in (1, 2, 3) for c in (2, 3, 4)]
    said, positives = outputs(1), len(answering)
    weights, overlaps, centre = [], [], []
    for location in answering:
        x, y, _ = LOCATIONS[location].tolist()
        along, down = sorted((x - 13, 41 - x)), sorted((y - 9, 33 - y))
        weights.append(sqrt(along[0] / along[1] * down[0] / down[1]))
        left, top, right, bottom = said.distances_NP4[0, location].tolist()
        overlaps.append(1 - giou([x - left, y - top, x + right, y + bottom], box[0].tolist()))
        centre.append(cross_entropy(said.centre_logits_NP[0, location].item(), weights[-1]))
    logits = said.class_logits_NPK[0, :, 0]
    others = [n for n in range(len(LOCATIONS)) if n not in answering]
    classes = focal(logits[answering].tolist(), True) + focal(logits[others].tolist(), False)
    expected = (classes + sum(centre)) / positives + np.average(overlaps, weights=weights)
    loss = DenseBoxLoss(DetectionLossSpec(center_sampling_radius=1.5))(said, targets(box)).item()
    assert loss == pytest.approx(expected, rel=1e-5)


def test_focal_settings_are_used() -> None:
    said = outputs(1)
    spec = DetectionLossSpec(center_sampling_radius=0.5, focal_alpha=0.6, focal_gamma=1.0)
    logits = said.class_logits_NPK[0, :, 0].tolist()
    assert DenseBoxLoss(spec)(said, targets(NO_BOX)).item() == pytest.approx(
        focal(logits, False, alpha=0.6, gamma=1), rel=1e-5
    )


def test_an_image_without_boxes_only_adds_negatives() -> None:
    loss, both = DenseBoxLoss(NARROW), outputs(2)
    first = DetectionOutput(*(part[:1] for part in both))
    added = focal(both.class_logits_NPK[1, :, 0].tolist(), False)
    together = loss(both, targets(BOX, NO_BOX)).item()
    assert together == pytest.approx(loss(first, targets(BOX)).item() + added, rel=1e-5)


def test_a_batch_without_boxes_teaches_classes_alone() -> None:
    said = DetectionOutput(*(part.requires_grad_() for part in outputs(2)))
    loss = DenseBoxLoss(NARROW)(said, targets(NO_BOX, NO_BOX))
    assert loss.item() == pytest.approx(focal(said[0].flatten().tolist(), False), rel=1e-5)
    loss.backward()
    assert (said.class_logits_NPK.grad > 0).all()  # falling: none is an opacity
    for part in (said.distances_NP4, said.centre_logits_NP):
        assert part.grad is None or not part.grad.any()


def test_gradients_lead_to_the_box() -> None:
    """What follows them is decoded to the boxes of its image, x before y, and to no other."""
    boxes = torch.tensor([[10.0, 20.0, 74.0, 44.0]]), NO_BOX, torch.tensor([[3.0, 2.0, 19.0, 50.0]])
    free = [part.requires_grad_() for part in outputs(3)]
    loss, optimizer = DenseBoxLoss(DetectionLossSpec()), torch.optim.Adam(free, lr=0.3)
    for _ in range(150):
        optimizer.zero_grad()
        loss(DetectionOutput(*free), targets(*boxes)).backward()
        optimizer.step()
    found = decode(DetectionOutput(*(part.detach() for part in free)), SIZE)
    assert [int((item.scores_B > 0.3).sum()) for item in found] == [1, 0, 1]
    for item, truth in zip(found, boxes, strict=True):
        if len(truth):
            assert iou_matrix(item.boxes_B4[:1], truth.numpy())[0, 0] > 0.9


def test_low_precision_is_counted_in_float32() -> None:
    low = DetectionOutput(*(part.bfloat16() for part in outputs(1)))
    loss = DenseBoxLoss(NARROW)(low, targets(BOX))
    high = DenseBoxLoss(NARROW)(DetectionOutput(*(part.float() for part in low)), targets(BOX))
    assert loss.dtype == torch.float32
    assert torch.equal(loss, high)


def test_a_whole_detectors_loss_is_its_own() -> None:
    own = torch.tensor(1.5, dtype=torch.bfloat16, requires_grad=True)
    loss = DetectorLoss(NARROW)(own, targets(BOX))
    assert loss.dtype == torch.float32
    assert loss.item() == 1.5
    loss.backward()
    assert own.grad is not None
    said = outputs(1)
    dense = DenseBoxLoss(NARROW)(said, targets(BOX))
    assert torch.equal(DetectorLoss(NARROW)(said, targets(BOX)), dense)

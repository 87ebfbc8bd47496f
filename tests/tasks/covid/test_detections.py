"""From what a network puts out to boxes: by hand, and as torchvision's FCOS does it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxLinearCoder
from torchvision.models.detection.fcos import FCOS

from blocks import DetectionOutput
from nas.tasks.covid.detections import (
    DETECTIONS_PER_IMG,
    NMS_THRESH,
    SCORE_THRESH,
    Detections,
    decode,
    found_in,
    location_table,
    mean_of,
)
from tests.tasks.covid.rectangles import saying

SIZE = (64, 96)
LOCATIONS = location_table(*SIZE)


def random_output(seed: int, images: int = 3) -> DetectionOutput:
    generator = torch.Generator().manual_seed(seed)
    shape = (images, len(LOCATIONS))
    logits_NP1 = torch.randn(*shape, 1, generator=generator) * 3 - 4
    sides_NP4 = torch.rand(*shape, 4, generator=generator) * 40
    return DetectionOutput(logits_NP1, sides_NP4, torch.randn(*shape, generator=generator))


def test_one_location_by_hand() -> None:
    """At (28, 12), the second row's fourth: 5 left, 6 up, 30 right, 9 down."""
    (found,) = decode(saying((12 + 3, 2.0, -1.0, (5, 6, 30, 9))), SIZE)
    np.testing.assert_allclose(found.boxes_B4, [[23, 6, 58, 21]])
    sigmoids = 1 / (1 + np.exp(-2)) * 1 / (1 + np.exp(1))
    np.testing.assert_allclose(found.scores_B, [np.sqrt(sigmoids)], rtol=1e-6)
    assert found.boxes_B4.dtype == found.scores_B.dtype == np.float64


def test_boxes_not_clipped_to_the_image() -> None:
    """A box beyond every edge ends at 96 in x and at 64 in y."""
    (found,) = decode(saying((12 + 3, 2.0, 2.0, (500, 500, 500, 500))), SIZE)
    assert found.boxes_B4.tolist() == [[0, 0, 96, 64]]


def test_a_box_without_area_is_none() -> None:
    flat, beyond = (0, 3.0, 3.0, (0, 1, 0, 1)), (40, 3.0, 3.0, (-200, 5, 300, 5))
    (found,) = decode(saying(flat, beyond, (15, 1.0, 1.0, (5, 5, 5, 5))), SIZE)
    assert found.boxes_B4.tolist() == [[23, 7, 33, 17]]


def test_of_boxes_that_overlap_the_best_is_kept() -> None:
    same = [(15, 1.0, 3.0, (5, 5, 5, 5)), (16, 2.0, 3.0, (13, 5, -3, 5))]  # the same box
    (found,) = decode(saying(*same), SIZE)
    assert found.boxes_B4.tolist() == [[23, 7, 33, 17]]
    assert found.scores_B[0] == pytest.approx(np.sqrt(1 / (1 + np.exp(-2)) / (1 + np.exp(-3))))
    # A third of the union shared: both are kept, the better one first.
    (found,) = decode(saying((15, 1.0, 3.0, (5, 5, 5, 5)), (16, 2.0, 3.0, (8, 5, 2, 5))), SIZE)
    assert found.boxes_B4.tolist() == [[28, 7, 38, 17], [23, 7, 33, 17]]
    assert (np.diff(found.scores_B) < 0).all()


def test_a_score_too_low_is_no_box() -> None:
    for score, boxes in ((SCORE_THRESH * 1.01, 1), (SCORE_THRESH * 0.99, 0)):
        logit = float(np.log(score**2 / (1 - score**2)))
        (found,) = decode(saying((15, logit, 50.0, (5, 5, 5, 5))), SIZE)
        assert len(found.boxes_B4) == len(found.scores_B) == boxes
        assert found.boxes_B4.shape == (boxes, 4)


def test_no_more_than_the_most() -> None:
    size = (128, 256)
    locations = len(location_table(*size))
    sides_1P4 = torch.ones(1, locations, 4)  # nothing overlaps
    output = DetectionOutput(torch.zeros(1, locations, 1), sides_1P4, torch.zeros(1, locations))
    (found,) = decode(output, size)
    assert len(found.boxes_B4) == DETECTIONS_PER_IMG == 100


@pytest.mark.parametrize("seed", range(3))
def test_decodes_as_torchvisions_fcos(seed: int) -> None:
    output = random_output(seed)
    expected = torchvisions_boxes(output)
    for found, theirs in zip(decode(output, SIZE), expected, strict=True):
        assert len(found.boxes_B4) > 5
        np.testing.assert_allclose(found.scores_B, theirs["scores"].numpy(), rtol=1e-5)
        np.testing.assert_allclose(found.boxes_B4, theirs["boxes"].numpy(), atol=1e-3)


def torchvisions_boxes(output: DetectionOutput) -> list[dict[str, Tensor]]:
    stride_P1 = LOCATIONS[:, 2:]
    levels = [int((stride_P1 == stride).sum()) for stride in (8, 16, 32)]
    anchors_P4 = torch.cat(
        [LOCATIONS[:, :2] - stride_P1 / 2, LOCATIONS[:, :2] + stride_P1 / 2], dim=1
    )
    fcos = SimpleNamespace(
        box_coder=BoxLinearCoder(normalize_by_size=True),
        score_thresh=SCORE_THRESH,
        topk_candidates=1000,
        nms_thresh=NMS_THRESH,
        detections_per_img=DETECTIONS_PER_IMG,
    )
    head = {
        "cls_logits": list(output.class_logits_NPK.split(levels, dim=1)),
        "bbox_regression": list((output.distances_NP4 / stride_P1).split(levels, dim=1)),
        "bbox_ctrness": list(output.centre_logits_NP[..., None].split(levels, dim=1)),
    }
    images = len(output.centre_logits_NP)
    anchors = [list(anchors_P4.split(levels))] * images
    return FCOS.postprocess_detections(fcos, head, anchors, [SIZE] * images)


def test_low_precision_is_decoded_in_float32() -> None:
    low = DetectionOutput(*(part.bfloat16() for part in random_output(0)))
    high = DetectionOutput(*(part.float() for part in low))
    for one, other in zip(decode(low, SIZE), decode(high, SIZE), strict=True):
        np.testing.assert_array_equal(one.boxes_B4, other.boxes_B4)


def test_a_whole_detectors_boxes_are_found_as_they_are() -> None:
    boxes = [Detections(np.array([[1.0, 2, 3, 4]]), np.array([0.5]))]
    assert found_in(boxes, SIZE) is boxes
    output = saying((15, 1.0, 1.0, (5, 5, 5, 5)))
    assert found_in(output, SIZE)[0].boxes_B4.tolist() == decode(output, SIZE)[0].boxes_B4.tolist()


class TestMean:
    def test_of_equal_outputs_it_is_one_of_them(self) -> None:
        output = random_output(1)
        mean = mean_of([output, output, output])
        for one, other in zip(output, mean, strict=True):
            torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-4)

    def test_probabilities_and_sides_by_hand(self) -> None:
        """0.8 and 0.2: the mean is 0.5, sides are weighed 4 to 1."""
        sure = saying((15, float(np.log(4)), 0.0, (5, 10, 5, 10)))
        unsure = saying((15, float(np.log(1 / 4)), float(np.log(3)), (10, 10, 0, 20)))
        mean = mean_of([sure, unsure])
        assert mean.class_logits_NPK[0, 15].sigmoid().item() == pytest.approx(0.5, abs=1e-6)
        assert mean.centre_logits_NP[0, 15].sigmoid().item() == pytest.approx(0.625, abs=1e-6)
        torch.testing.assert_close(mean.distances_NP4[0, 15], torch.tensor([6.0, 10.0, 4.0, 12.0]))

    def test_whole_detectors_boxes_are_gathered(self) -> None:
        box, moved, other = [10.0, 10, 20, 20], [11.0, 10, 21, 20], [40.0, 40, 60, 50]
        first = [Detections(np.array([box]), np.array([0.6])), Detections.none()]
        second = [
            Detections(np.array([moved, other]), np.array([0.7, 0.2])),
            Detections(np.array([other]), np.array([0.1])),
        ]
        one, two = mean_of([first, second])
        assert one.boxes_B4.tolist() == [moved, other]
        assert one.scores_B.tolist() == [0.7, 0.2]
        assert two.boxes_B4.tolist() == [other]
        (alone,) = mean_of([first[:1], first[:1]])
        assert alone.boxes_B4.tolist() == [box]

    def test_of_both_kinds_there_is_none(self) -> None:
        with pytest.raises(ValueError, match="no mean of a whole detector and one with the"):
            mean_of([random_output(0, 1), [Detections.none()]])

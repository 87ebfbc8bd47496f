"""What a teacher says of a detector's locations: by hand, and what can't teach."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from blocks import DetectionOutput
from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.spec.architecture import InputSpec
from nas.tasks.covid.detection import CovidDetectionTask
from nas.tasks.covid.detection_loss import taught_maps_loss
from nas.tasks.covid.detections import location_table

SIZE = (32, 32)
LOCATIONS = len(location_table(*SIZE))


def maps(logit: float, distance: float, centre: float) -> DetectionOutput:
    """The same at every location of one image."""
    return DetectionOutput(
        torch.full((1, LOCATIONS, 1), logit),
        torch.full((1, LOCATIONS, 4), distance),
        torch.full((1, LOCATIONS), centre),
    )


def sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def test_by_hand() -> None:
    own, teacher = maps(0.0, 4.0, 0.0), maps(2.0, 8.0, 1.0)
    q, c = sigmoid(2.0), sigmoid(1.0)
    classes = -np.log(0.5) * (q - 0.5) ** 2
    boxes = 1 - (8 * 8) / (16 * 16)  # one box within the other: GIoU is IoU
    centres = c * np.log(c / 0.5) + (1 - c) * np.log((1 - c) / 0.5)
    expected = (classes + q * c * (boxes + centres)) / (q * c)
    assert float(taught_maps_loss(own, teacher, SIZE)) == pytest.approx(expected, rel=1e-4)


def test_equal_maps_teach_nothing_and_where_the_teacher_sees_nothing_boxes_are_free() -> None:
    assert float(taught_maps_loss(maps(1.0, 5.0, 0.5), maps(1.0, 5.0, 0.5), SIZE)) < 1e-5
    nothing = maps(-20.0, 5.0, 0.5)
    assert float(taught_maps_loss(maps(-20.0, 9.0, 3.0), nothing, SIZE)) < 1e-5


def test_another_size_and_another_kind_of_detector_are_refused() -> None:
    task = CovidDetectionTask()
    data = task.load_data(DataRequest(None, InputSpec(channels=1, height=64, width=64)))
    with pytest.raises(NasError, match="are of 96x64 pixels, the network's of 64x64"):
        task.check_teacher(data, replace(data, input=InputSpec(channels=1, height=96, width=64)))
    with pytest.raises(NasError, match="gives boxes, not maps"):
        task.soft_targets([])
    with pytest.raises(NasError, match="can't be taught"):
        task.teaching_loss(torch.zeros(()), _parts(), None, 1.0)


def _parts() -> tuple[Tensor, ...]:
    return tuple(maps(0.0, 1.0, 0.0))

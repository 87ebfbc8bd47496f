"""The detection task: boxes of files in their own pixels, splits measured, thresholds kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.data.augment import AugmentSpec
from nas.data.dataset import DataRequest
from nas.data.xray.dataset import XrayData
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.spec.architecture import InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.covid.detection import CovidDetectionTask
from nas.tasks.covid.detections import Detections
from nas.tasks.covid.task import NOT_FOR_DIAGNOSIS
from tests.data.xray_files import write_set
from tests.tasks.covid.rectangles import (
    PLAIN,
    Box,
    bright_box,
    dense,
    detector_of,
    painted_data,
    painted_file,
    whole,
)

TASK = CovidDetectionTask()
CPU = torch.device("cpu")
SIZE = (64, 96)
BOXES: list[Box | None] = [(10, 10, 60, 22), None, (1, 2, 20, 60), (40, 20, 90, 40)]
BOTH = pytest.mark.parametrize("network", [whole(), dense], ids=["whole", "dense"])


def measured(network: Any, data: XrayData) -> Any:
    outputs = [(network(x), target) for x, target in TASK.evaluation_batches(data, "test", CPU)]
    return TASK.measure(data, outputs)


@BOTH
def test_boxes_come_back_in_the_pixels_of_the_file(network: Any, tmp_path: Path) -> None:
    """A file that is not square: x1 and x2 by its width, y1 and y2 by its height."""
    file = painted_file(tmp_path / "a.png", (128, 480), (50, 20, 300, 44))
    (found,) = TASK.predict(network, detector_of(*SIZE), [file], CPU, {"opacity": 0.5})
    (box,) = found.values["boxes"]
    assert [box[side] for side in ("x1", "y1", "x2", "y2")] == pytest.approx(
        [50, 20, 300, 44], abs=0.01
    )
    assert box["class"] == "opacity"
    assert {type(box[key]) for key in ("score", "x1", "y1", "x2", "y2")} == {float}
    assert found.values["opacities"] == 1
    assert found.values["none"] == pytest.approx(1 - box["score"])
    assert found.values["notice"] == NOT_FOR_DIAGNOSIS
    assert list(box) == list(TASK.prediction_tables["boxes"])


def test_boxes_count_from_the_threshold_on(tmp_path: Path) -> None:
    """`none` is what the surest box leaves, whether it counts or not."""

    def two(x_NCHW: Tensor) -> list[Detections]:
        boxes = np.array([[0.0, 0, 5, 5], [20.0, 20, 30, 30]])
        return [Detections(boxes, np.array([0.75, 0.25]))] * len(x_NCHW)

    file = painted_file(tmp_path / "a.png", SIZE, (10, 10, 60, 22))
    for threshold, count in ((0.2, 2), (0.25, 2), (0.3, 1), (0.8, 0)):
        (found,) = TASK.predict(two, detector_of(*SIZE), [file], CPU, {"opacity": threshold})
        assert (found.values["opacities"], len(found.values["boxes"])) == (count, count)
        assert found.values["none"] == 0.25


def test_an_unreadable_file_and_one_without_opacities(tmp_path: Path) -> None:
    empty = painted_file(tmp_path / "a.png", SIZE, (0, 0, 0, 0))
    broken = tmp_path / "b.dcm"
    broken.write_bytes(b"")
    found = list(TASK.predict(dense, detector_of(*SIZE), [broken, empty], CPU, {"opacity": 0.5}))
    assert [item.file for item in found] == [str(broken), str(empty)]
    assert found[0].error
    assert found[0].values == {}
    assert (found[1].values["boxes"], found[1].values["none"]) == ([], 1.0)


def test_without_a_threshold_there_is_no_prediction(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"thresholds: no threshold for opacity"):
        next(TASK.predict(dense, detector_of(*SIZE), [tmp_path / "a.png"], CPU, {}))


@BOTH
def test_a_split_is_measured_by_its_own_boxes(network: Any) -> None:
    data = painted_data(SIZE, BOXES, BOXES)
    metrics = measured(network, data)
    assert metrics.counts == (3, 0, 0)
    assert metrics.primary == metrics.f1_50 == metrics.map_50 == 1
    assert (metrics.images, metrics.patients) == (4, 4)
    assert TASK.thresholds_of(metrics) == {"opacity": metrics.threshold}
    assert TASK.metrics_from_json(metrics.as_json()) == metrics


def test_x_and_y_swapped_boxes_are_all_false() -> None:
    """The diary's mistake would cost everything: a box mirrored at x = y hits nothing."""

    def swapped(x_NCHW: Tensor) -> list[Detections]:
        return [
            Detections(item.boxes_B4[:, [1, 0, 3, 2]], item.scores_B) for item in whole()(x_NCHW)
        ]

    metrics = measured(swapped, painted_data(SIZE, BOXES, BOXES))
    assert metrics.counts == (0, 3, 3)


def test_a_given_threshold_is_kept() -> None:
    data = painted_data(SIZE, BOXES, BOXES)
    for threshold, counts in ((0.5, (3, 0, 0)), (0.95, (0, 0, 3))):
        metrics = measured(whole(0.9), TASK.with_thresholds(data, {"opacity": threshold}))
        assert (metrics.threshold, metrics.threshold_from) == (threshold, "given")
        assert metrics.counts == counts


def test_folds_are_measured_each_with_its_threshold() -> None:
    """The first fold's boxes of 0.6 count from 0.5, the second's of 0.6 don't from 0.7."""
    parts = []
    for number, threshold in enumerate((0.5, 0.7)):
        data = painted_data(SIZE, BOXES, BOXES)
        test = data.split("test")
        named = replace(test, patients=tuple(f"{number}{name}" for name in test.patients))
        data = replace(data, splits={**data.splits, "test": named})
        outputs = [
            (whole(0.6)(x), target) for x, target in TASK.evaluation_batches(data, "test", CPU)
        ]
        parts.append((TASK.with_thresholds(data, {"opacity": threshold}), outputs))
    metrics = TASK.measure_folds(parts)
    assert metrics.counts == (3, 0, 3)
    assert (metrics.images, metrics.patients) == (8, 8)
    assert metrics.threshold == pytest.approx(0.6)
    with pytest.raises(ValueError, match="thresholds that were chosen before"):
        TASK.measure_folds([(painted_data(SIZE, BOXES, BOXES), parts[0][1])])


def test_nothing_is_measured_of_nothing() -> None:
    with pytest.raises(ValueError, match="no batches to measure"):
        TASK.measure(painted_data(SIZE, BOXES, BOXES), [])


def test_training_shows_boxes_where_they_are_painted() -> None:
    """The task's own augmentation, and one that is named."""
    boxes: list[Box | None] = [(30, 20, 50, 32), None] * 8
    data = painted_data(SIZE, boxes)
    for augment in (None, AugmentSpec(colour=0.1, rotate_180=True, crop_padding=0.1, zoom=0.1)):
        training = TrainingSpec(batch_size=16, sampler="none", augment=augment)
        batches = list(TASK.train_batches(data, training, torch.Generator().manual_seed(1), CPU))
        assert len(batches) == TASK.steps_per_epoch(data, training) == 1
        ((x_NCHW, targets),) = batches
        assert targets.size == SIZE
        for image_CHW, boxes_B4 in zip(x_NCHW, targets.boxes, strict=True):
            found = bright_box(image_CHW)
            assert (found is not None) == (len(boxes_B4) == 1)
            if found is not None:
                torch.testing.assert_close(boxes_B4[0], torch.tensor(found), atol=1.5, rtol=0)
        moved = {tuple(boxes_B4[0].tolist()) for boxes_B4 in targets.boxes if len(boxes_B4)}
        assert len(moved) > 3


def test_steps_are_counted_as_they_come() -> None:
    data = painted_data((32, 48), [(5, 5, 20, 20), None, None] * 3)
    for batch_size in (2, 4, 9, 50):
        training = TrainingSpec(batch_size=batch_size)
        batches = list(TASK.train_batches(data, training, torch.Generator().manual_seed(0), CPU))
        assert len(batches) == TASK.steps_per_epoch(data, training)


def test_a_preprocess_is_kept_or_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    write_set(tmp_path / "set")
    size = InputSpec(channels=1, height=20, width=30)
    kept = TASK.load_data(DataRequest(tmp_path / "set", size, PLAIN, splits=("validation",)))
    assert kept.preprocess == PLAIN
    assert kept.input == size
    found = TASK.load_data(
        DataRequest(tmp_path / "set", size, XrayPreprocess(interpolation="nearest"))
    )
    assert (found.preprocess.interpolation, found.preprocess.labels) == ("nearest", "boxes")
    pixels = found.split("train").pixels.astype(np.float64) / 255
    assert found.preprocess.mean == (pytest.approx(pixels.mean(), abs=5e-5),)
    assert found.preprocess.std == (pytest.approx(pixels.std(), abs=5e-5),)
    again = TASK.measure_normalisation(replace(found, preprocess=PLAIN))
    assert again.preprocess == found.preprocess


def test_the_files_that_can_be_predicted(tmp_path: Path) -> None:
    for name in ("b.dcm", "a.PNG", "s/c.dicom", "notes.txt", ".hidden.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert TASK.find_files(tmp_path) == tuple(
        tmp_path / name for name in ("a.PNG", "b.dcm", "s/c.dicom")
    )

"""Rectangles that are found in files lie where they were painted, in the pixels of the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.errors import NasError
from nas.tasks.covid.detections import Detections
from nas.tasks.covid.tta import SYMMETRIES, TtaSettings, detect_in_files, detect_with_tta
from tests.tasks.covid.rectangles import (
    Box,
    dense,
    detector_of,
    painted,
    painted_file,
    saying,
    whole,
)

CPU = torch.device("cpu")
NETWORK = detector_of(64, 96)
ORIGINAL = (128, 480)
"""Height and width: y is doubled, x five times as large."""
BOX: Box = (50, 20, 300, 44)
IN_INPUT = (10, 10, 60, 22)
BOTH = pytest.mark.parametrize("network", [whole(), dense], ids=["whole", "dense"])


def only_in_symmetry(number: int, network: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    """Finds something in one of the eight symmetries alone."""
    calls = iter(range(8))

    def seeing(x_NCHW: Tensor) -> Any:
        return network(x_NCHW if next(calls) == number else torch.full_like(x_NCHW, -2))

    return seeing


def shown(box: Box, size: tuple[int, int] = (64, 96)) -> Tensor:
    return torch.from_numpy(painted(size, box))[None, None].float() / 255 * 4 - 2


@BOTH
def test_x_and_y_swapped_boxes(network: Any, tmp_path: Path) -> None:
    """Neither the corners' order nor height and width are exchanged on the way to the file."""
    file = painted_file(tmp_path / "wide.png", ORIGINAL, BOX)
    (found,) = detect_in_files(network, NETWORK, [file], CPU)
    np.testing.assert_allclose(found.boxes_B4, [BOX], atol=0.01)
    assert found.path == file
    assert found.error is None
    tall = painted_file(tmp_path / "tall.png", ORIGINAL[::-1], (20, 50, 44, 300))
    (found,) = detect_in_files(network, detector_of(96, 64), [tall], CPU)
    np.testing.assert_allclose(found.boxes_B4, [(20, 50, 44, 300)], atol=0.01)


def test_width_and_height_exchanged_when_scaling_back(tmp_path: Path) -> None:
    """Files of several shapes, one after another: each is scaled by its own size."""
    sizes = [(128, 480), (320, 192), (64, 96), (640, 96)]
    files, boxes = [], []
    for number, (height, width) in enumerate(sizes):
        scale = np.array([width / 96, height / 64] * 2)
        x1, y1, x2, y2 = (np.array(IN_INPUT) * scale).astype(int).tolist()
        boxes.append((x1, y1, x2, y2))
        files.append(painted_file(tmp_path / f"{number}.png", (height, width), boxes[-1]))
    for found, box in zip(detect_in_files(whole(), NETWORK, files, CPU), boxes, strict=True):
        np.testing.assert_allclose(found.boxes_B4, [box], atol=1e-6)


def test_boxes_not_clipped_to_the_file(tmp_path: Path) -> None:
    def beyond(x_NCHW: Tensor) -> list[Detections]:
        return [Detections(np.array([[-9.0, -7.0, 120.0, 90.0]]), np.array([0.5]))] * len(x_NCHW)

    file = painted_file(tmp_path / "a.png", ORIGINAL, BOX)
    (found,) = detect_in_files(beyond, NETWORK, [file], CPU)
    assert found.boxes_B4.tolist() == [[0, 0, 480, 128]]


@BOTH
@pytest.mark.parametrize("number", range(8), ids=lambda number: SYMMETRIES[number].name)
def test_a_flip_whose_boxes_are_not_flipped_back(number: int, network: Any) -> None:
    """The rectangle is found in one symmetry alone, and lies where it lies in the image itself."""
    x_NCHW = shown(IN_INPUT)
    (found,) = detect_with_tta(only_in_symmetry(number, network), x_NCHW, TtaSettings(count=8))
    np.testing.assert_allclose(found.boxes_B4, [IN_INPUT], atol=0.01)


@BOTH
@pytest.mark.parametrize("fusion", [False, True])
def test_all_symmetries_agree_on_one_box(fusion: bool, network: Any, tmp_path: Path) -> None:
    if fusion:
        pytest.importorskip("ensemble_boxes")
    file = painted_file(tmp_path / "a.png", ORIGINAL, BOX)
    tta = TtaSettings(count=8, fusion=fusion)
    (found,) = detect_in_files(network, NETWORK, [file], CPU, tta)
    np.testing.assert_allclose(found.boxes_B4, [BOX], atol=0.1)
    (alone,) = detect_in_files(network, NETWORK, [file], CPU)
    np.testing.assert_allclose(found.scores_B, alone.scores_B, atol=1e-6)


def test_the_network_is_shown_as_many_symmetries_as_asked_for() -> None:
    sizes: list[tuple[int, ...]] = []

    def noting(x_NCHW: Tensor) -> list[Detections]:
        sizes.append(tuple(x_NCHW.shape[2:]))
        return whole()(x_NCHW)

    for count in (1, 2, 8):
        sizes.clear()
        detect_with_tta(noting, shown(IN_INPUT), TtaSettings(count=count))
        assert sizes == [(64, 96)] * min(count, 4) + [(96, 64)] * (count - 4)


def test_what_one_symmetry_sees_is_kept_by_suppression_and_weakened_by_fusion() -> None:
    pytest.importorskip("ensemble_boxes")
    x_NCHW = shown(IN_INPUT)
    (kept,) = detect_with_tta(only_in_symmetry(5, whole(0.8)), x_NCHW, TtaSettings(count=8))
    (fused,) = detect_with_tta(
        only_in_symmetry(5, whole(0.8)), x_NCHW, TtaSettings(count=8, fusion=True)
    )
    np.testing.assert_allclose(kept.scores_B, [0.8])
    np.testing.assert_allclose(fused.scores_B, [0.8 / 8], rtol=1e-5)


def test_how_much_boxes_may_overlap_is_a_setting() -> None:
    def twice(x_NCHW: Tensor) -> list[Detections]:
        boxes = np.array([[10.0, 10, 60, 20], [10.0, 14, 60, 24]])  # 6 of 14 shared
        return [Detections(boxes, np.array([0.9, 0.6]))] * len(x_NCHW)

    x_NCHW = shown(IN_INPUT)
    for max_iou, boxes in ((0.5, 2), (0.3, 1)):
        (found,) = detect_with_tta(twice, x_NCHW, TtaSettings(max_iou=max_iou))
        assert len(found.boxes_B4) == boxes


@pytest.mark.parametrize("count", [1, 2])
def test_boxes_may_overlap_by_more_than_usual(count: int) -> None:
    """The head's own boxes: none is suppressed before the setting is looked at."""
    two = saying((15, 1.0, 3.0, (10, 10, 10, 10)), (16, 0.5, 3.0, (14, 10, 6, 10)))
    for max_iou, boxes in ((0.5, 1), (0.66, 1), (0.67, 2)):  # 16 of 24 columns are shared: 0.667
        settings = TtaSettings(count=count, max_iou=max_iou)
        (found,) = detect_with_tta(lambda _: two, torch.zeros(1, 1, 64, 96), settings)
        assert len(found.boxes_B4) == boxes * count  # mirrored they lie elsewhere


def test_a_whole_detector_cannot_keep_what_it_has_suppressed() -> None:
    with pytest.raises(NasError, match=r"--max-iou: 0\.6 has no effect on a whole detector"):
        detect_with_tta(whole(), shown(IN_INPUT), TtaSettings(max_iou=0.6))


def test_images_of_a_batch_stay_apart() -> None:
    boxes: list[Box] = [(10, 10, 60, 22), (1, 2, 3, 60), (40, 40, 41, 42)]
    x_NCHW = torch.cat([shown(box) for box in boxes])
    for found, box in zip(
        detect_with_tta(whole(), x_NCHW, TtaSettings(count=8)), boxes, strict=True
    ):
        assert found.boxes_B4.tolist() == [list(box)]


def test_an_unreadable_file_shifts_no_other(tmp_path: Path) -> None:
    files = [painted_file(tmp_path / f"{n}.png", (64, 96), (n, 0, n + 5, 20)) for n in (10, 20, 30)]
    files[1].write_bytes(b"no image")
    first, broken, last = detect_in_files(whole(), NETWORK, files, CPU)
    assert (first.boxes_B4.tolist(), last.boxes_B4.tolist()) == (
        [[10, 0, 15, 20]],
        [[30, 0, 35, 20]],
    )
    assert broken.error
    assert (broken.boxes_B4.shape, broken.scores_B.shape) == ((0, 4), (0,))


def test_an_image_without_a_rectangle_has_no_box(tmp_path: Path) -> None:
    file = painted_file(tmp_path / "a.png", ORIGINAL, (0, 0, 0, 0))
    for tta in (TtaSettings(), TtaSettings(count=8)):
        (found,) = detect_in_files(dense, NETWORK, [file], CPU, tta)
        assert found.boxes_B4.shape == (0, 4)
        assert found.error is None

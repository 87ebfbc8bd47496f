"""Batches of X-rays: each image with its own boxes, where the network sees them."""

import numpy as np
import pytest
import torch

from nas.data.augment import AugmentSpec
from nas.data.xray.dataset import XraySet
from nas.data.xray.preprocess import XrayPreprocess
from nas.spec.training import TrainingSpec
from nas.tasks.covid.batches import EVALUATION_BATCH, BoxTargets, box_batches, evaluation_batches
from tests.tasks.covid.rectangles import PLAIN, Box, bright_box, painted_set

SIZE = (80, 128)
CPU = torch.device("cpu")
STILL = AugmentSpec(flip=False, crop_padding=0.0, colour=0.0)


def rectangles(count: int) -> list[Box | None]:
    """Off the middle in both directions, and so far from the edges that none leaves the image."""
    generator = np.random.default_rng(0)
    low = generator.integers((26, 20), (50, 26), (count, 2)).tolist()
    sides = generator.integers((8, 6), (20, 12), (count, 2)).tolist()
    return [(x, y, x + w, y + h) for (x, y), (w, h) in zip(low, sides, strict=True)]


def batches_of(
    xrays: XraySet, augment: AugmentSpec, batch_size: int = 8, sampler: str = "none", seed: int = 0
) -> list[tuple[torch.Tensor, BoxTargets]]:
    training = TrainingSpec(sampler=sampler, batch_size=batch_size)
    generator = torch.Generator().manual_seed(seed)
    return list(box_batches(xrays, PLAIN, training, augment, generator, CPU))


@pytest.mark.parametrize(
    ("augment", "tolerance"),
    [
        (STILL, 0),
        (AugmentSpec(crop_padding=0.0, colour=0.0), 0),
        (AugmentSpec(flip=False, crop_padding=0.0, colour=0.0, rotate_180=True), 0),
        (AugmentSpec(flip=False, crop_padding=0.12, colour=0.0), 0),
        (AugmentSpec(crop_padding=0.12, colour=0.2, rotate_180=True, zoom=0.2), 1),
    ],
    ids=["still", "flip", "upside down", "shift", "all of them"],
)
def test_a_flip_whose_boxes_are_not_flipped(augment: AugmentSpec, tolerance: float) -> None:
    """What is painted is found where the box of the same image says, to the pixel."""
    boxes = rectangles(40)
    xrays = painted_set(SIZE, boxes)
    before = [box.copy() for box in xrays.boxes]
    seen = 0
    for x_NCHW, targets in batches_of(xrays, augment):
        assert targets.size == SIZE
        for image_CHW, boxes_B4 in zip(x_NCHW, targets.boxes, strict=True):
            assert boxes_B4.dtype == torch.float32
            found = torch.tensor([bright_box(image_CHW)])
            torch.testing.assert_close(boxes_B4, found, atol=tolerance, rtol=0)
            seen += 1
    assert seen == 40
    for box, now in zip(before, xrays.boxes, strict=True):
        np.testing.assert_array_equal(box, now)


def test_flips_happen_to_half_of_the_images() -> None:
    xrays = painted_set(SIZE, [(10, 20, 40, 60)] * 60)
    moved = [
        targets.boxes[n][0].tolist()
        for _, targets in batches_of(xrays, AugmentSpec(crop_padding=0.0, colour=0.0))
        for n in range(len(targets.boxes))
    ]
    assert sorted(set(map(tuple, moved))) == [(10, 20, 40, 60), (88, 20, 118, 60)]
    assert 15 < sum(box[0] == 88 for box in moved) < 45


def test_labels_are_numbers_and_an_image_may_have_no_box() -> None:
    xrays = painted_set(SIZE, [(10, 20, 40, 60), None] * 4)
    ((x_NCHW, targets),) = batches_of(xrays, STILL)
    assert x_NCHW.dtype == torch.float32
    assert targets.labels_N.dtype == torch.int64
    assert [len(boxes_B4) for boxes_B4 in targets.boxes] == targets.labels_N.tolist()
    assert {boxes_B4.shape for boxes_B4 in targets.boxes} == {(1, 4), (0, 4)}


def test_the_sampler_evens_out_images_with_and_without_a_box() -> None:
    xrays = painted_set((32, 48), [(10, 10, 20, 20)] * 20 + [None] * 380)
    drawn = torch.cat([t.labels_N for _, t in batches_of(xrays, STILL, 64, "inverse")])
    assert 0.4 < drawn.double().mean() < 0.6
    plain = torch.cat([t.labels_N for _, t in batches_of(xrays, STILL, 64)])
    assert (int(plain.sum()), len(plain)) == (20, 400)


def test_a_last_batch_of_one_is_dropped() -> None:
    xrays = painted_set((32, 48), [None] * 9)
    assert [len(x_NCHW) for x_NCHW, _ in batches_of(xrays, STILL, 4)] == [4, 4]
    assert [len(x_NCHW) for x_NCHW, _ in batches_of(xrays, STILL, 6)] == [6, 3]


def test_inputs_are_normalised() -> None:
    xrays = painted_set(SIZE, [(10, 20, 40, 60)] * 4)
    for x_NCHW, _ in [*batches_of(xrays, STILL, 4), *evaluation_batches(xrays, PLAIN, CPU)]:
        assert sorted(x_NCHW.unique().tolist()) == pytest.approx([-2, 2])


def test_evaluation_shows_every_image_once_in_order() -> None:
    boxes: list[Box | None] = [(n % 40, 2, n % 40 + 3, 9) for n in range(EVALUATION_BATCH + 5)]
    xrays = painted_set((16, 48), boxes)
    batches = list(evaluation_batches(xrays, XrayPreprocess(mean=(0.5,), std=(0.25,)), CPU))
    indices = [index for _, batch in batches for index in batch.indices]
    assert indices == list(range(EVALUATION_BATCH + 5))
    assert all(batch.xrays is xrays for _, batch in batches)
    shown = [bright_box(image_CHW) for x_NCHW, _ in batches for image_CHW in x_NCHW]
    assert shown == [list(map(float, box)) for box in boxes]

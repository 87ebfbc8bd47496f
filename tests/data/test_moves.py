"""Boxes go where their pixels go."""

import pytest
import torch
from torch import Tensor

from nas.data.augment import AugmentSpec, AxisMove, BatchAugment, Moves

HEIGHT, WIDTH = 80, 128


def painted(boxes: Tensor) -> Tensor:
    """x_NCHW uint8, an image a box: bright inside."""
    x_NCHW = torch.zeros(len(boxes), 1, HEIGHT, WIDTH, dtype=torch.uint8)
    for image, (x1, y1, x2, y2) in zip(x_NCHW, boxes.int().tolist(), strict=True):
        image[:, y1:y2, x1:x2] = 255
    return x_NCHW


def found(image_CHW: Tensor) -> list[float]:
    """The box around what is bright."""
    rows, columns = (image_CHW[0] > 127).nonzero(as_tuple=True)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def random_boxes(count: int) -> Tensor:
    """So far from the edges that none is seen a second time in what is reflected there."""
    generator = torch.Generator().manual_seed(0)
    low = torch.randint(28, 38, (count, 2), generator=generator)
    size = torch.randint(6, 12, (count, 2), generator=generator)
    return torch.cat([low, low + size], dim=1).float()


@pytest.mark.parametrize(
    "spec",
    [
        AugmentSpec(colour=0.0, crop_padding=0.0),
        AugmentSpec(colour=0.0, crop_padding=0.1, flip=False),
        AugmentSpec(colour=0.0, crop_padding=0.1, rotate_180=True),
        AugmentSpec(colour=0.0, crop_padding=0.1, rotate_180=True, zoom=0.3),
    ],
    ids=["flip", "shift", "all of them", "zoom"],
)
def test_a_painted_box_is_found_where_its_box_says(spec: AugmentSpec) -> None:
    """A flip whose boxes are not flipped along, or x and y exchanged, would show here."""
    boxes = random_boxes(64)
    generator = torch.Generator().manual_seed(3)
    x_NCHW, moves = BatchAugment(spec).with_moves(painted(boxes), generator)
    moved = moves.boxes([box[None] for box in boxes])
    off = []
    for image, box in zip(x_NCHW, moved, strict=True):
        inside = torch.tensor([WIDTH, HEIGHT]) - box[:, 2:]
        if len(box) and min(box.min(), inside.min()) > 0:
            off.append((torch.tensor(found(image)) - box[0]).abs().max().item())
    assert len(off) > 40
    # to the pixel, and to half a target pixel where the size changes
    assert max(off) <= (0.75 if spec.zoom else 0.0)


def one_move(shift: int = 0, *, backwards: bool = False, zoom: float | None = None) -> Moves:
    def axis(size: int, move: int) -> AxisMove:
        scale = None if zoom is None else torch.tensor([zoom])
        return AxisMove(size, torch.tensor([backwards]), torch.tensor([move]), scale)

    return Moves(axis(HEIGHT, 0), axis(WIDTH, shift))


def test_worked_by_hand() -> None:
    box = torch.tensor([[10.0, 4.0, 30.0, 20.0]])
    (shifted,) = one_move(4).boxes([box])
    assert shifted.tolist() == [[6, 4, 26, 20]]
    (mirrored,) = one_move(backwards=True).boxes([box])
    assert mirrored.tolist() == [[98, 60, 118, 76]]
    (smaller,) = one_move(zoom=2.0).boxes([box])  # twice the source on as many pixels
    assert smaller.tolist() == [[37, 22, 47, 30]]


def test_what_leaves_the_image_is_clipped_and_at_last_dropped() -> None:
    boxes = torch.tensor([[0.0, 0.0, 20.0, 10.0], [0.0, 0.0, 12.0, 10.0], [30.0, 0.0, 40.0, 8.0]])
    (moved,) = one_move(10).boxes([boxes])
    # half of the first is left, a sixth of the second
    assert moved.tolist() == [[0, 0, 10, 10], [20, 0, 30, 8]]


def test_an_image_without_boxes() -> None:
    (moved,) = one_move(3).boxes([torch.zeros(0, 4)])
    assert moved.shape == (0, 4)


def test_positions_stay_within_the_image() -> None:
    move = AxisMove(10, torch.tensor([False]), torch.tensor([9]), torch.tensor([2.0]))
    positions = move.positions()
    assert int(positions.min()) >= 0
    assert int(positions.max()) <= 9


def test_zoom_leaves_the_other_draws_as_they_were() -> None:
    x_NCHW = torch.randint(0, 256, (8, 3, 12, 16), dtype=torch.uint8)
    plain = BatchAugment(AugmentSpec())(x_NCHW, torch.Generator().manual_seed(0))
    zoomed = BatchAugment(AugmentSpec(zoom=1e-6))(x_NCHW, torch.Generator().manual_seed(0))
    torch.testing.assert_close(plain, zoomed)

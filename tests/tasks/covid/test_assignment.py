"""Which location answers for which box: by hand, by torchvision's FCOS, by the paper's rule."""

from math import sqrt
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torchvision.models.detection.fcos import FCOS

from nas.tasks.covid.detection_loss import Assigned, assign, padded_boxes
from nas.tasks.covid.detections import location_table, reach_table

HEIGHT, WIDTH = 200, 330
LOCATIONS, REACH = location_table(HEIGHT, WIDTH), reach_table(HEIGHT, WIDTH)


def assigned(boxes: list[Tensor], radius: float = 1.5) -> Assigned:
    return assign(padded_boxes(boxes), LOCATIONS, REACH, radius)


def random_boxes(count: int, seed: int) -> Tensor:
    """From a few pixels to the whole image, with fractions that no comparison meets exactly."""
    generator = torch.Generator().manual_seed(seed)
    limit_2 = torch.tensor([WIDTH, HEIGHT])
    side_B2 = torch.rand(count, 2, generator=generator) ** 2 * limit_2 + 3
    low_B2 = torch.rand(count, 2, generator=generator) * (limit_2 - side_B2).clamp(min=0)
    return torch.cat([low_B2, low_B2 + side_B2], dim=1)


def torchvisions_choice(boxes_B4: Tensor, radius: float) -> Tensor:
    """Number of the box that each location answers for, -1 for none."""
    kept: list[Tensor] = []

    def compute_loss(targets: object, outputs: object, anchors: object, matched: list[Tensor]):
        kept.extend(matched)

    x_P, y_P, stride_P = LOCATIONS.unbind(1)
    half_P = stride_P / 2
    anchors_P4 = torch.stack([x_P - half_P, y_P - half_P, x_P + half_P, y_P + half_P], dim=1)
    levels = [int((stride_P == stride).sum()) for stride in (8, 16, 32)]
    fcos = SimpleNamespace(
        center_sampling_radius=radius, head=SimpleNamespace(compute_loss=compute_loss)
    )
    FCOS.compute_loss(fcos, [{"boxes": boxes_B4}], {}, [anchors_P4], levels)
    return kept[0]


@pytest.mark.parametrize("radius", [0.7, 1.5, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_locations_answer_as_in_torchvisions_fcos(seed: int, radius: float) -> None:
    images = [random_boxes(count, 10 * seed + count) for count in (6, 1, 12, 0)]
    found = assigned(images, radius)
    for image, boxes_B4 in enumerate(images):
        choice_P = torchvisions_choice(boxes_B4, radius)
        positive_P = choice_P >= 0
        assert torch.equal(found.positive_NP[image], positive_P)
        expected = boxes_B4[choice_P[positive_P]]
        torch.testing.assert_close(found.box_NP4[image][positive_P], expected)
    assert int(found.positive_NP.sum()) > 10


def test_every_map_answers_for_some_box() -> None:
    found = assigned([random_boxes(20, 3)])
    assert set(LOCATIONS[found.positive_NP[0], 2].tolist()) == {8, 16, 32}


def test_centreness_by_its_formula() -> None:
    """Eq. 3 of the paper, location by location."""
    boxes_B4 = random_boxes(12, 5)
    found = assigned([boxes_B4])
    answering = found.positive_NP[0].nonzero()[:, 0].tolist()
    assert len(answering) > 10
    for location in answering:
        x, y, _ = LOCATIONS[location].tolist()
        x1, y1, x2, y2 = found.box_NP4[0, location].tolist()
        left, top, right, bottom = x - x1, y - y1, x2 - x, y2 - y
        along, down = sorted((left, right)), sorted((top, bottom))
        expected = sqrt(along[0] / along[1] * (down[0] / down[1]))
        assert found.centreness_NP[0, location].item() == pytest.approx(expected, abs=1e-4)
    elsewhere = found.centreness_NP[0][~found.positive_NP[0]]
    assert elsewhere.abs().max() == 0


def test_one_box_by_hand() -> None:
    # Its middle is (21, 22); the only location of stride 8 within 4 pixels of it is (20, 20).
    found = assigned([torch.tensor([[15.0, 14.0, 27.0, 30.0]])], radius=0.5)
    (location,) = found.positive_NP[0].nonzero()[:, 0].tolist()
    assert LOCATIONS[location].tolist() == [20, 20, 8]
    assert found.centreness_NP[0, location].item() == pytest.approx(sqrt(5 / 7 * 6 / 10))


def test_of_two_boxes_the_smaller_is_answered_for() -> None:
    large, small = [0.0, 0.0, 60.0, 60.0], [24.0, 24.0, 40.0, 40.0]
    here = int((torch.tensor([28.0, 28.0, 8.0]) == LOCATIONS).all(dim=1).nonzero())
    for order in ([large, small], [small, large]):
        found = assigned([torch.tensor(order)])
        assert found.box_NP4[0, here].tolist() == small


@pytest.mark.parametrize(
    ("farthest", "stride"), [(3, 8), (64, 8), (65, 16), (128, 16), (129, 32), (4000, 32)]
)
def test_the_farthest_side_decides_the_map(farthest: float, stride: int) -> None:
    """Of boxes around the very location; at 64 and 128 it is the finer map's."""
    for location in (0, 25 * 42 + 3, len(LOCATIONS) - 1):  # one of each map
        x, y, own = LOCATIONS[location].tolist()
        box = torch.tensor([[x - farthest, y - 2, x + farthest, y + 2]])
        assert bool(assigned([box]).positive_NP[0, location]) is (own == stride)


def test_images_without_boxes_have_no_location_that_answers() -> None:
    none = torch.zeros(0, 4)
    assert padded_boxes([none, none]).shape == (2, 1, 4)
    found = assigned([none, torch.tensor([[10.0, 10.0, 40.0, 40.0]]), none])
    assert found.positive_NP.any(dim=1).tolist() == [False, True, False]
    assert found.centreness_NP.isfinite().all()


def test_an_image_does_not_depend_on_how_many_boxes_another_has() -> None:
    few, many = random_boxes(2, 1), random_boxes(9, 2)
    alone, together = assigned([few]), assigned([few, many])
    for one, both in zip(alone, together, strict=True):
        assert torch.equal(one[0].nan_to_num(), both[0].nan_to_num())

"""Where a detector's locations lie, by hand and as the head puts its values out."""

import torch

from nas.model.build import build_network
from nas.spec.architecture import parse_architecture
from nas.tasks.covid.detections import boxes_at, location_table, reach_table
from tests.model.detectors import DETECTOR

HEIGHT, WIDTH = 72, 104
"""Maps of 9 x 13, 5 x 7 and 3 x 4."""


def test_locations_are_the_middles_of_cells_row_by_row() -> None:
    locations = location_table(HEIGHT, WIDTH).tolist()
    assert len(locations) == 9 * 13 + 5 * 7 + 3 * 4
    assert locations[:2] == [[4, 4, 8], [12, 4, 8]]
    assert locations[12:14] == [[100, 4, 8], [4, 12, 8]]
    assert locations[117:119] == [[8, 8, 16], [24, 8, 16]]
    assert locations[124] == [8, 24, 16]
    assert locations[152:154] == [[16, 16, 32], [48, 16, 32]]
    assert locations[-1] == [112, 80, 32]


def test_a_network_puts_out_a_value_for_each_location() -> None:
    architecture = parse_architecture(DETECTOR)
    assert (architecture.input.height, architecture.input.width) == (HEIGHT, WIDTH)
    torch.manual_seed(0)
    found = build_network(architecture).eval()(torch.zeros(2, 1, HEIGHT, WIDTH))
    locations = len(location_table(HEIGHT, WIDTH))
    assert found.class_logits_NPK.shape == (2, locations, 1)
    assert found.distances_NP4.shape == (2, locations, 4)
    assert found.centre_logits_NP.shape == (2, locations)


def test_a_location_is_that_of_the_pixels_that_its_value_depends_on() -> None:
    """Of a network whose values are the means of its cells: the brightest is at the bright cell."""
    x_NCHW = torch.zeros(1, 1, HEIGHT, WIDTH)
    x_NCHW[0, 0, 40:48, 88:96] = 1  # row 5, column 11 of the finest map
    means_P = torch.nn.functional.avg_pool2d(x_NCHW, 8).flatten()
    x, y, stride = location_table(HEIGHT, WIDTH)[int(means_P.argmax())].tolist()
    assert (x, y, stride) == (92, 44, 8)


def test_maps_share_the_sizes_of_boxes_among_them() -> None:
    reach = reach_table(HEIGHT, WIDTH).tolist()
    assert reach[0] == reach[116] == [0, 64]
    assert reach[117] == reach[151] == [64, 128]
    assert reach[152] == reach[-1] == [128, float("inf")]


def test_sides_go_left_top_right_bottom() -> None:
    locations_P3 = torch.tensor([[20.0, 30.0, 8.0], [50.0, 10.0, 16.0]])
    sides_NP4 = torch.tensor([[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]])
    assert boxes_at(sides_NP4, locations_P3).tolist() == [[[19, 28, 23, 34], [45, 4, 57, 18]]]

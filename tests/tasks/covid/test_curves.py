"""Scored predictions by patient: positives are of their patient, draws are copies of patients."""

import numpy as np
import pytest

from nas.metrics.boxes import match_images
from nas.tasks.covid.curves import Curve, mean_precision, mean_precision_interval
from tests.tasks.covid.voc import voc_ap

SQUARE, OTHER = [0.0, 0, 10, 10], [50.0, 50, 60, 60]


def curve_of_images(seed: int = 0, images: int = 30, positive: bool = True) -> Curve:
    generator = np.random.default_rng(seed)
    truth_N = (generator.random(images) < 0.4) & positive
    scores_N = generator.random(images) + 0.4 * truth_N
    patient_N = np.concatenate([np.arange(8), generator.integers(0, 8, images - 8)])
    return Curve.of_images(scores_N, truth_N, patient_N)


def test_matches_are_gathered_by_patient() -> None:
    """Images 0 and 2 are of patient 0: three boxes to find, two found."""
    boxes = [[SQUARE], [OTHER], [OTHER, SQUARE]]
    truths = [[SQUARE], [SQUARE], [OTHER, [80, 80, 90, 95]]]
    matches = match_images(boxes, [[0.9], [0.8], [0.7, 0.6]], truths)
    curve = Curve.of_matches(matches, np.array([0, 1, 0]))
    assert curve.positives_G.tolist() == [3, 1]
    assert curve.patient_P.tolist() == [0, 1, 0, 0]
    assert curve.hits_P.tolist() == [True, False, True, False]
    assert curve.positives_G.dtype == np.int64
    # 1/4 of recall at precision 1, a second one at 2/3.
    assert curve.average_precision == pytest.approx(1 / 4 + 2 / 3 / 4)


def test_an_image_is_one_prediction() -> None:
    curve = Curve.of_images(
        np.array([0.9, 0.1, 0.6]), np.array([True, False, True]), np.array([0, 2, 0])
    )
    assert curve.positives_G.tolist() == [2, 0, 0]
    assert curve.average_precision == 1
    none = Curve.of_images(np.zeros(0), np.zeros(0, bool), np.zeros(0, np.int64))
    assert none.average_precision is None


def test_average_precision_is_vocs() -> None:
    curve = curve_of_images()
    expected = voc_ap(curve.scores_P.tolist(), curve.hits_P.tolist(), int(curve.positives_G.sum()))
    assert curve.average_precision == pytest.approx(expected)
    assert 0.3 < expected < 1


def test_a_draw_is_copies_of_patients() -> None:
    curve = curve_of_images()
    draws_RG = np.array([[1] * 8, [2, 0, 1, 1, 0, 3, 1, 0], [0, 1, 0, 2, 2, 1, 1, 1]])
    for value, drawn_G in zip(curve.draws(draws_RG), draws_RG, strict=True):
        times_P = drawn_G[curve.patient_P]
        copied = Curve(
            np.repeat(curve.scores_P, times_P),
            np.repeat(curve.hits_P, times_P),
            np.repeat(curve.patient_P, times_P),
            curve.positives_G * drawn_G,
        )
        assert value == pytest.approx(copied.average_precision)


def test_a_class_without_anything_to_find_is_left_out() -> None:
    some, none = curve_of_images(), curve_of_images(positive=False)
    assert none.average_precision is None
    assert mean_precision([some, none]) == some.average_precision
    assert mean_precision_interval([some, none]) == mean_precision_interval([some])
    assert mean_precision([none]) is None
    assert mean_precision_interval([none]) is None


def test_the_mean_and_its_interval() -> None:
    first, second = curve_of_images(1), curve_of_images(2)
    mean = mean_precision([first, second])
    assert mean == pytest.approx((first.average_precision + second.average_precision) / 2)
    low, high = mean_precision_interval([first, second])
    assert low < mean < high
    alone = Curve.of_images(first.scores_P, first.hits_P, np.zeros(30, np.int64))
    assert mean_precision_interval([alone]) == (alone.average_precision,) * 2

"""AP against its definition summed up recall by recall, and against two packages."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.metrics.average_precision import (
    average_precision,
    average_precision_draws,
)
from nas.metrics.boxes import match_images
from nas.metrics.defined_interval import Interval, defined_interval
from nas.metrics.group_bootstrap import group_draws

Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Scores, hits and groups of predictions, positives by group."""


def by_definition(scores: np.ndarray, hits: np.ndarray, positives: int) -> float:
    """Mean over the positives of the best precision at any threshold that reaches their recall."""
    points = [
        (hits[scores >= threshold].sum(), hits[scores >= threshold].mean())
        for threshold in np.unique(scores)
    ]
    wanted = range(1, positives + 1)
    best = [max((p for found, p in points if found >= n), default=0.0) for n in wanted]
    return float(np.mean(best))


def predictions(groups: int, seed: int, ties: bool = True) -> Case:
    """Hits score higher; some groups have predictions only, some positives only, some neither."""
    generator = np.random.default_rng(seed)
    found = generator.poisson(2, groups)
    group = np.repeat(np.arange(groups), found)
    hits = generator.random(len(group)) < 0.5
    positives = np.bincount(group[hits], minlength=groups) + generator.poisson(0.5, groups)
    scores = 0.3 * hits + 0.7 * generator.random(len(group))
    return (np.round(scores, 1) if ties else scores), hits, group, positives


def interval_of(scores: Any, hits: Any, group: Any, positives: Any) -> Interval | None:
    def of_draws(draws_RG: np.ndarray) -> np.ndarray:
        return average_precision_draws(draws_RG, scores, hits, group, positives)

    return defined_interval(of_draws, len(positives))


def test_a_curve_by_hand() -> None:
    # Precision after each: 1/1, 1/2, 2/3, 2/4, 3/5. The envelope at recalls 1/4, 2/4, 3/4 is
    # 1, 2/3, 3/5; the fourth positive is never found: (1 + 2/3 + 3/5 + 0) / 4.
    scores, hits = [0.9, 0.8, 0.7, 0.6, 0.5], [1, 0, 1, 0, 1]
    assert average_precision(scores, hits, 4) == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)


def test_the_envelope_lifts_a_dip() -> None:
    # Precision 0, 1/2, 2/3: at both recalls the best that is yet to come, 2/3.
    assert average_precision([3, 2, 1], [0, 1, 1], 2) == pytest.approx(2 / 3)


def test_equal_scores_are_one_step_whatever_their_order() -> None:
    # One step with 1 of 2 right, then 2 of 3: the envelope is 2/3 at both recalls.
    for hits in ([1, 0, 1], [0, 1, 1]):
        assert average_precision([0.5, 0.5, 0.2], hits, 2) == pytest.approx(2 / 3)
    # All are one step: the share that is right, 2/4, for 2 of 3 positives.
    assert average_precision([0.5] * 4, [0, 1, 1, 0], 3) == pytest.approx(2 / 3 * 2 / 4)


def test_the_ends_of_the_scale() -> None:
    assert average_precision([0.9, 0.8, 0.1], [1, 1, 0], 2) == 1
    assert average_precision([0.9, 0.8], [0, 0], 5) == 0
    assert average_precision([], [], 3) == 0


def test_nothing_to_find_has_no_ap() -> None:
    assert average_precision([0.9], [0], 0) is None
    assert average_precision([], [], 0) is None


@settings(deadline=None)
@given(st.integers(1, 25), st.integers(0, 10_000), st.booleans())
def test_equals_the_definition(groups: int, seed: int, ties: bool) -> None:
    scores, hits, _, positives = predictions(groups, seed, ties)
    ap = average_precision(scores, hits, total := int(positives.sum()))
    assert ap == (pytest.approx(by_definition(scores, hits, total)) if total else None)


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_package_mean_average_precision(seed: int) -> None:
    package = pytest.importorskip("mean_average_precision")
    metric = package.MetricBuilder.build_evaluation_metric("map_2d", num_classes=1)
    generator = np.random.default_rng(seed)
    boxes, scores, truths = [], [], []
    for there in generator.poisson(1.5, 30):
        corner = generator.integers(0, 60, (there, 2))
        truth = np.concatenate([corner, corner + generator.integers(15, 40, (there, 2))], axis=1)
        wrong = generator.integers(0, 30, (1, 4)) + np.array([0, 0, 40, 40])
        near = np.concatenate([truth, truth, wrong])
        found = near + generator.integers(-5, 6, near.shape)
        boxes.append(found[: generator.integers(0, len(found) + 1)])
        scores.append(generator.random(len(boxes[-1])))
        truths.append(truth)
        # Its pixels are counted with both ends: the last one is x2 - 1.
        inclusive = [rows - np.array([0, 0, 1, 1]) for rows in (boxes[-1], truth)]
        label = np.zeros((len(boxes[-1]), 1))
        metric.add(
            np.concatenate([inclusive[0], label, scores[-1][:, None]], axis=1),
            np.concatenate([inclusive[1], np.zeros((there, 3))], axis=1),
        )
    matches = match_images(boxes, scores, truths)
    ap = average_precision(matches.scores_P, matches.hits_P, int(matches.positives_G.sum()))
    assert ap == pytest.approx(metric.value(iou_thresholds=0.5)[0.5][0]["ap"], abs=1e-6)
    assert ap is not None
    assert 0.1 < ap < 0.9


@pytest.mark.parametrize("seed", range(3))
def test_equals_faster_coco_eval(seed: int) -> None:
    """COCO's evaluation, asked at the recalls that can be reached instead of at its 101."""
    package = pytest.importorskip("faster_coco_eval")
    generator = np.random.default_rng(seed)
    boxes, scores, truths = [], [], []
    for there in generator.integers(0, 4, 30):
        # Truths lie apart: where a box lies near two, COCO matches otherwise than VOC.
        corner = np.arange(there)[:, None] * 100 + generator.integers(0, 20, (there, 2))
        truth = np.concatenate([corner, corner + generator.integers(15, 40, (there, 2))], axis=1)
        near = np.concatenate([truth, truth, np.array([[0, 60, 9, 90]])])
        found = near + generator.integers(-4, 5, near.shape)
        boxes.append(found[: generator.integers(0, len(found) + 1)])
        scores.append(generator.random(len(boxes[-1])))
        truths.append(truth)
    matches = match_images(boxes, scores, truths)
    positives = int(matches.positives_G.sum())
    ap = average_precision(matches.scores_P, matches.hits_P, positives)
    assert ap is not None
    assert 0.1 < ap < 0.9
    coco = package.COCO(coco_truth(truths))
    rows = [
        {"image_id": image, "category_id": 1, "bbox": corners_to_sides(box), "score": float(score)}
        for image, (found, of_image) in enumerate(zip(boxes, scores, strict=True), start=1)
        for box, score in zip(found, of_image, strict=True)
    ]
    evaluation = package.COCOeval_faster(coco, coco.loadRes(rows), "bbox", print_function=len)
    evaluation.params.iouThrs = np.array([0.5 + 1e-9])  # VOC: more than half, COCO: at least
    evaluation.params.recThrs = np.arange(1, positives + 1) / positives - 1e-9
    evaluation.run()
    precision_TRKAM = evaluation.eval["precision"]
    assert precision_TRKAM[0, :, 0, 0, -1].mean() == pytest.approx(ap, abs=1e-9)


def coco_truth(truths: list[np.ndarray]) -> dict[str, Any]:
    """A COCO data set of one class."""
    images = range(1, len(truths) + 1)
    pairs = [
        (image, corners_to_sides(box))
        for image, of_image in zip(images, truths, strict=True)
        for box in of_image
    ]
    return {
        "images": [{"id": image, "width": 400, "height": 400} for image in images],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": 1,
                "bbox": sides,
                "area": sides[2] * sides[3],
                "iscrowd": 0,
            }
            for number, (image, sides) in enumerate(pairs, start=1)
        ],
    }


def corners_to_sides(box_4: np.ndarray) -> list[float]:
    """x, y, width, height of x1, y1, x2, y2."""
    x1, y1, x2, y2 = map(float, box_4)
    return [x1, y1, x2 - x1, y2 - y1]


@pytest.mark.parametrize("ties", [False, True])
def test_draws_equal_copies_of_the_drawn_groups(ties: bool) -> None:
    scores, hits, group, positives = predictions(12, seed=3, ties=ties)
    draws = group_draws(12, resamples=60, seed=4)
    found = average_precision_draws(draws, scores, hits, group, positives)
    for draw, ap in zip(draws, found, strict=True):
        copies = np.repeat(np.arange(len(scores)), draw[group])
        expected = average_precision(scores[copies], hits[copies], int(draw @ positives))
        assert ap == pytest.approx(expected)
    assert found.std() > 0.02


def test_many_draws_are_worked_on_in_parts() -> None:
    scores, hits, group, positives = predictions(2000, seed=5)
    draws = group_draws(2000, resamples=200)
    whole = average_precision_draws(draws, scores, hits, group, positives)
    single = [average_precision_draws(draw[None], scores, hits, group, positives) for draw in draws]
    np.testing.assert_allclose(whole, np.concatenate(single), rtol=1e-12)


def test_a_draw_without_a_positive_has_no_ap() -> None:
    # The second group has nothing to find, the third nothing at all.
    draws = np.array([[1, 1, 1], [0, 2, 1], [0, 0, 3], [2, 0, 1]])
    found = average_precision_draws(draws, [0.9, 0.8], [1, 0], [0, 1], [1, 0, 0])
    np.testing.assert_array_equal(found, [1, np.nan, np.nan, 1])
    none = average_precision_draws(draws, [], [], [], [1, 0, 0])
    np.testing.assert_array_equal(none, [0, np.nan, np.nan, 0])


def test_the_interval_is_of_the_draws_that_have_a_positive() -> None:
    # Three draws in ten have none; the others find it first, or after one or two false alarms.
    case = ([0.9, 0.8], [0, 1], [1, 0], [1, 0, 0])
    assert interval_of(*case) == (pytest.approx(1 / 3), pytest.approx(1))
    assert interval_of([0.9], [0], [0], [0, 0]) is None
    assert interval_of([], [], [], []) is None
    assert interval_of([], [], [], [2, 0]) == (0, 0)


def test_the_interval_lies_around_the_value() -> None:
    scores, hits, group, positives = predictions(150, seed=7)
    ap = average_precision(scores, hits, int(positives.sum()))
    interval = interval_of(scores, hits, group, positives)
    assert interval is not None
    assert ap is not None
    assert interval[0] < ap < interval[1]
    assert 0.03 < interval[1] - interval[0] < 0.25


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="more hits than there are positives: 2 of 1"):
        average_precision([0.9, 0.8], [1, 1], 1)
    with pytest.raises(ValueError, match="more hits"):  # right in sum, but not by group
        average_precision_draws(np.ones((1, 2), int), [0.9], [1], [0], [0, 1])
    with pytest.raises(ValueError, match=r"values of shape \(3,\) of 2"):
        average_precision([0.9, 0.8], [1, 1, 0], 3)
    with pytest.raises(ValueError, match="1 of 2 scores are not finite"):
        average_precision([0.9, np.nan], [1, 1], 3)
    with pytest.raises(ValueError, match=r"groups must lie in 0\.\.1, but reach 0\.\.2"):
        average_precision_draws(np.ones((1, 2), int), [0.9, 0.8], [0, 0], [0, 2], [0, 1])

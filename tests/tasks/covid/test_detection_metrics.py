"""Metrics of a detector: counts by hand, average precision by VOC's development kit."""

import json

import numpy as np
import pytest

from nas.tasks.covid.detection_metrics import DetectionMetrics
from nas.tasks.covid.detections import Detections
from tests.tasks.covid.voc import voc_ap, voc_hits

A, B = [10.0, 10, 50, 30], [60.0, 5, 90, 45]
NEAR_A = [12.0, 10, 50, 30]  # 38 of 40
FAR_A = [10.0, 10, 50, 49]  # 20 of 39: just above a half
HALF_A = [10.0, 10, 30, 30]  # exactly a half is no hit
NONE = np.zeros((0, 4))


def found(*rows: tuple[list[float], float]) -> Detections:
    """By falling score, as detectors give them."""
    if not rows:
        return Detections.none()
    return Detections(np.array([box for box, _ in rows]), np.array([score for _, score in rows]))


def measured(
    images: list[tuple[Detections, list[list[float]], str]], threshold: float | None = None
) -> DetectionMetrics:
    detections, truths, patients = zip(*images, strict=True)
    arrays = [np.array(truth, np.float32).reshape(-1, 4) for truth in truths]
    return DetectionMetrics.from_detections(detections, arrays, patients, threshold)


def random_images(seed: int, images: int = 40) -> list[tuple[Detections, list, str]]:
    """Of 15 patients; boxes near the truth, twice now and then, and elsewhere."""
    generator = np.random.default_rng(seed)
    made = []
    for image in range(images):
        corners = generator.integers(0, 60, (generator.integers(0, 3), 2))
        truths = [[*c, *(c + generator.integers(10, 40, 2))] for c in corners.tolist()]
        near = [t + generator.normal(0, 3, 4) for t in np.array(truths).reshape(-1, 4)]
        false = [np.array([x, 0, x + 15, 20.0]) for x in generator.integers(0, 80, 2)]
        boxes = np.array([*near, *near[:1], *false]).reshape(-1, 4)
        scores = np.sort(generator.random(len(boxes)) * 0.9)[::-1]
        made.append((Detections(boxes, scores.copy()), truths, f"p{image % 15}"))
    return made


HAND = [
    (found((NEAR_A, 0.9), (A, 0.8)), [A, B], "p"),  # the second box of A is a false alarm; B missed
    (found((HALF_A, 0.7)), [A], "q"),  # false, and missed
    (found((B, 0.6), (FAR_A, 0.5)), [A, B], "q"),
    (found((A, 0.3)), [], "r"),
    (found(), [], "s"),
    (found(), [A], "s"),
]


def test_counts_by_hand() -> None:
    """At 0.4: hits 0.9, 0.6 and 0.5; false 0.8 and 0.7; of six opacities three are missed."""
    metrics = measured(HAND, threshold=0.4)
    assert metrics.counts == (3, 2, 3)
    assert metrics.f1_50 == metrics.primary == pytest.approx(6 / 11)
    assert metrics.precision_50 == pytest.approx(3 / 5)
    assert metrics.recall_50 == pytest.approx(3 / 6)
    assert (metrics.threshold, metrics.threshold_from) == (0.4, "given")
    assert (metrics.images, metrics.patients) == (6, 4)
    assert measured(HAND, threshold=0.3).counts == (3, 3, 3)  # from the threshold on
    assert measured(HAND, threshold=0.95).counts == (0, 0, 6)
    assert measured(HAND, threshold=0.95).f1_50 == 0


def test_average_precisions_by_hand() -> None:
    """Boxes by falling score: hit, false, false, hit, hit, false: 1, then 3/5 twice, of six.

    Images without an opacity by 1 - the highest score: 1 (empty, rightly and wrongly), 0.7, 0.4,
    0.3, 0.1. At 1, one of two is right; at 0.7, two of three.
    """
    metrics = measured(HAND, threshold=0.4)
    assert metrics.ap_opacity == pytest.approx((1 + 3 / 5 + 3 / 5) / 6)
    assert metrics.ap_none == pytest.approx(2 / 3)
    assert metrics.map_50 == pytest.approx((metrics.ap_opacity + metrics.ap_none) / 2)


@pytest.mark.parametrize("seed", range(3))
def test_against_vocs_development_kit(seed: int) -> None:
    images = random_images(seed)
    metrics = measured(images)
    boxes, scores = [row[0].boxes_B4 for row in images], [row[0].scores_B for row in images]
    falling, hits = voc_hits(boxes, scores, [row[1] for row in images])
    positives = sum(len(row[1]) for row in images)
    assert metrics.ap_opacity == pytest.approx(voc_ap(falling, hits, positives))
    empty = [not row[1] for row in images]
    none = [1 - float(row.max()) for row in scores]
    assert metrics.ap_none == pytest.approx(voc_ap(none, empty, sum(empty)))
    given = measured(images, threshold=0.3)
    called = [hit for hit, score in zip(hits, falling, strict=True) if score >= 0.3]
    assert given.counts == (
        sum(called), len(called) - sum(called), positives - sum(called),
    )  # fmt: skip


def test_a_threshold_is_not_rewarded_on_the_patients_it_is_chosen_on() -> None:
    """Of each patient one hit; patient k's is the k-th surest, with a false alarm just below it.

    On all patients together the best threshold takes every hit. Without the patients of its own
    fold, patient 4, whose hit is the least sure, is counted with a higher one and misses.
    """
    images = [
        (found((A, score), (B, score - 0.01)), [A], f"p{number}")
        for number, score in enumerate((0.9, 0.8, 0.7, 0.6, 0.1))
    ]
    in_sample = measured(images, threshold=measured(images).threshold)
    cross_fitted = measured(images)
    assert cross_fitted.threshold_from == "other patients"
    assert in_sample.counts == (5, 4, 0)
    assert cross_fitted.counts == (4, 4, 1)
    assert cross_fitted.f1_50 < in_sample.f1_50
    assert cross_fitted.ap_opacity == in_sample.ap_opacity  # which needs no threshold
    assert cross_fitted.thresholds == {"opacity": cross_fitted.threshold}


def test_images_of_one_patient_are_of_one_fold() -> None:
    images = [
        (found((A, score), (B, score - 0.01)), [A], "p") for score in (0.9, 0.8, 0.7, 0.6, 0.1)
    ]
    metrics = measured(images)
    assert (metrics.threshold_from, metrics.counts) == ("same patient", (5, 4, 0))
    assert metrics.f1_50_ci95 == (metrics.f1_50, metrics.f1_50)


def test_each_image_may_have_a_threshold_of_its_own() -> None:
    """At 0.85 for p, 0.55 for q and 0.2 for r: hits 0.9 and 0.6, false 0.7 and 0.3."""
    thresholds = np.array([0.85, 0.55, 0.55, 0.2, 0.9, 0.9])
    detections, truths, patients = zip(*HAND, strict=True)
    arrays = [np.array(truth).reshape(-1, 4) for truth in truths]
    metrics = DetectionMetrics.from_detections(detections, arrays, patients, thresholds)
    assert metrics.counts == (2, 2, 4)
    assert metrics.threshold_from == "given by image"
    assert metrics.threshold == pytest.approx(thresholds.mean())
    assert metrics.ap_opacity == measured(HAND).ap_opacity


def test_where_no_image_has_an_opacity() -> None:
    metrics = measured([(found((A, 0.6)), [], "p"), (found(), [], "q")])
    assert metrics.ap_opacity is None
    assert metrics.ap_opacity_ci95 is None
    assert metrics.ap_none == metrics.map_50 == 1
    assert (metrics.f1_50, metrics.counts) == (0, (0, 1, 0))


def test_where_every_image_has_one() -> None:
    metrics = measured([(found((A, 0.6)), [A], "p"), (found((B, 0.4)), [B], "q")])
    assert metrics.ap_none is None
    assert metrics.ap_none_ci95 is None
    assert metrics.ap_opacity == metrics.map_50 == metrics.f1_50 == 1


def test_where_nothing_is_found() -> None:
    metrics = measured([(found(), [A, B], "p"), (found(), [], "q")])
    assert (metrics.f1_50, metrics.counts) == (0, (0, 0, 2))
    assert metrics.ap_opacity == 0
    assert metrics.ap_none == 0.5  # both are as sure


@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_what_they_are_of(seed: int) -> None:
    metrics = measured(random_images(seed))
    for name in ("f1_50", "map_50", "ap_opacity", "ap_none"):
        low, high = getattr(metrics, f"{name}_ci95")
        assert low < getattr(metrics, name) < high, name
        assert 0.03 < high - low < 0.7, name
    assert 0.01 < metrics.primary_sd < 0.2


@pytest.mark.parametrize("images", [HAND, HAND[3:5]])
def test_metrics_come_back_from_json(images: list[tuple[Detections, list, str]]) -> None:
    metrics = measured(images)
    values = json.loads(json.dumps(metrics.as_json()))
    assert DetectionMetrics.from_json(values) == metrics
    assert metrics.with_intervals()["f1_50_ci95"] == list(metrics.f1_50_ci95)


def test_nothing_can_be_said_of_no_images() -> None:
    with pytest.raises(ValueError, match="no images to measure"):
        DetectionMetrics.from_detections([], [], [])

"""The competition's metric by hand, class by class."""

import pytest

from nas.metrics.competition import CompetitionTruth, Finding, competition_metrics

BOX, OTHER = (10.0, 20.0, 50.0, 80.0), (100.0, 20.0, 150.0, 90.0)


def test_six_classes_by_hand() -> None:
    truth = CompetitionTruth(
        studies={"a": ["negative"], "b": ["typical"], "c": ["typical"], "d": ["atypical"]},
        images={"p": [BOX, OTHER], "q": [], "r": [BOX], "s": []},
    )
    studies = {
        "a": [Finding("negative", 0.9), Finding("typical", 0.6)],
        "b": [Finding("negative", 0.2), Finding("typical", 0.8)],
        "c": [Finding("typical", 0.3)],
        "d": [Finding("atypical", 0.1), Finding("negative", 0.1)],
    }
    images = {
        "p": [Finding("opacity", 0.9, BOX), Finding("none", 0.7)],
        "q": [Finding("opacity", 0.5, BOX), Finding("none", 0.7)],
        "r": [Finding("opacity", 0.4, BOX), Finding("none", 0.1)],
    }
    metrics = competition_metrics(studies, images, truth)
    assert metrics.average_precision == {
        "negative": pytest.approx(1),  # the one there is, first
        "typical": pytest.approx((1 + 2 / 3) / 2),  # right, wrong, right
        "indeterminate": None,  # no study is
        "atypical": pytest.approx(1),  # alone, however low its confidence
        "none": pytest.approx(1 / 2 / 2),  # one step of two, one right; s has no row and is missed
        "opacity": pytest.approx((1 + 2 / 3) / 3),  # right, wrong, right; one of three is missed
    }
    assert metrics.map_50 == pytest.approx((1 + 5 / 6 + 1 + 1 / 4 + 5 / 9) / 5)
    assert next(iter(metrics.average_precision)) == "negative"


def test_a_perfect_submission_is_one() -> None:
    truth = CompetitionTruth({"a": ["negative", "typical"]}, {"p": [BOX], "q": []})
    studies = {"a": [Finding("negative", 0.4), Finding("typical", 0.3)]}
    images = {"p": [Finding("opacity", 1e-6, BOX)], "q": [Finding("none", 0.5)]}
    metrics = competition_metrics(studies, images, truth)
    assert metrics.map_50 == 1
    assert set(metrics.average_precision.values()) == {1.0, None}


def test_no_predictions_at_all_and_no_truth_at_all() -> None:
    truth = CompetitionTruth({"a": ["typical"]}, {"p": [BOX]})
    missed = competition_metrics({}, {}, truth)
    assert missed.average_precision["typical"] == missed.average_precision["opacity"] == 0
    assert missed.average_precision["none"] is None
    assert missed.map_50 == 0
    nothing = competition_metrics({}, {}, CompetitionTruth({}, {}))
    assert set(nothing.average_precision.values()) == {None}
    assert nothing.map_50 is None


def test_an_image_with_neither_truth_nor_prediction_of_a_class_counts_nothing() -> None:
    images = {"p": [Finding("opacity", 0.4, BOX)]}
    alone = competition_metrics({}, images, CompetitionTruth({}, {"p": [BOX]}))
    beside = competition_metrics(
        {}, images | {"q": []}, CompetitionTruth({}, {"p": [BOX], "q": []})
    )
    assert alone.average_precision["opacity"] == beside.average_precision["opacity"] == 1
    assert beside.average_precision["none"] == 0


def test_a_confidence_makes_the_order_over_all_images() -> None:
    truth = CompetitionTruth({}, {"p": [BOX], "q": []})
    sure = {"p": [Finding("opacity", 0.9, BOX)], "q": [Finding("opacity", 0.1, BOX)]}
    unsure = {"p": [Finding("opacity", 0.1, BOX)], "q": [Finding("opacity", 0.9, BOX)]}
    assert competition_metrics({}, sure, truth).average_precision["opacity"] == 1
    assert competition_metrics({}, unsure, truth).average_precision["opacity"] == 0.5


def test_findings_of_an_unknown_id_are_refused() -> None:
    with pytest.raises(ValueError, match="findings of 'z', which is not in the truth"):
        competition_metrics({"z": []}, {}, CompetitionTruth({"a": ["typical"]}, {}))

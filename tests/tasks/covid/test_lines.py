"""What a person is shown of X-rays: hand-worked figures, dashes where nothing can be said."""

import re
from dataclasses import replace
from typing import get_args

import pytest

from nas.metrics.competition import CompetitionMetrics
from nas.tasks.covid.detection_metrics import DetectionMetrics, ThresholdSource
from nas.tasks.covid.study_metrics import StudyMetrics
from nas.tasks.covid.submission import competition_lines

STUDY = StudyMetrics(
    macro_f1=0.55,
    macro_f1_ci95=(0.25, 0.75),
    macro_f1_sd=0.125,
    accuracy=0.6,
    voc_map=0.7,
    voc_map_ci95=(0.5, 0.9),
    mean_auc=0.8,
    mean_auc_ci95=None,
    per_class_f1={"none": 0.5, "opacity": 0.6, "other": 0.0},
    per_class_ap={"none": 0.65, "opacity": 0.75, "other": None},
    per_class_ap_ci95={"none": (0.25, 0.875), "opacity": None, "other": None},
    per_class_auc={"none": 0.7, "opacity": 0.9, "other": None},
    confusion=((2, 2, 0), (2, 3, 1), (0, 0, 0)),
    patients=7,
)
BOXES = DetectionMetrics(
    f1_50=0.5,
    f1_50_ci95=(0.25, 0.625),
    f1_50_sd=0.0625,
    precision_50=0.75,
    recall_50=0.375,
    map_50=0.6,
    map_50_ci95=(0.3, 0.8),
    ap_opacity=0.4,
    ap_opacity_ci95=(0.2, 0.5),
    ap_none=None,
    ap_none_ci95=None,
    counts=(3, 1, 5),
    threshold=0.28125,
    threshold_from="given",
    images=4,
    patients=3,
)


def cells(lines: list[str]) -> list[list[str]]:
    """The cells of each line, which are two spaces or more apart."""
    return [re.split(" {2,}", line.strip()) for line in lines]


def test_studies_have_a_line_a_class_then_figures_of_all() -> None:
    assert cells(STUDY.lines()) == [
        ["class", "samples", "precision", "recall", "F1"],
        ["none", "4", "0.5000", "0.5000", "0.5000"],
        ["opacity", "6", "0.6000", "0.5000", "0.5455"],
        ["other", "0", "0.0000", "-", "0.0000"],
        [""],
        ["class", "AUC", "AP", "95 % interval"],
        ["none", "0.7000", "0.6500", "0.2500 to 0.8750"],
        ["opacity", "0.9000", "0.7500", "-"],
        ["other", "-", "-", "-"],
        [""],
        ["figure", "value", "95 % interval"],
        ["mean AUC", "0.8000", "-"],
        ["mean AP (VOC 2010)", "0.7000", "0.5000 to 0.9000"],
        [""],
        ["10 samples of 7 patients"],
    ]
    assert replace(STUDY, patients=1).lines()[-1] == "10 samples of 1 patient"


def test_boxes_have_their_counts_then_precisions() -> None:
    assert cells(BOXES.lines()) == [
        ["opacities", "hits", "false alarms", "precision", "recall"],
        ["8", "3", "1", "0.7500", "0.3750"],
        [""],
        ["figure", "value", "95 % interval"],
        ["mAP@0.5 of opacity and none", "0.6000", "0.3000 to 0.8000"],
        ["AP@0.5 of opacity", "0.4000", "0.2000 to 0.5000"],
        ["AP of none", "-", "-"],
        [""],
        ["4 images of 3 patients; threshold 0.281, chosen on the validation split"],
    ]


@pytest.mark.parametrize("source", get_args(ThresholdSource))
def test_says_what_the_threshold_was_chosen_on(source: ThresholdSource) -> None:
    last = replace(BOXES, threshold_from=source).lines()[-1]
    assert last.startswith("4 images of 3 patients; threshold")
    best = "threshold 0.281 is the best on "
    said = {
        "other patients": f"{best}all of these; each patient is counted with that of the others",
        "same patient": f"{best}this very patient: F1 is too high",
    }
    assert last.endswith(said.get(source, last))
    others = {
        replace(BOXES, threshold_from=other).lines()[-1] for other in get_args(ThresholdSource)
    }
    assert len(others) == len(get_args(ThresholdSource))


def test_the_competition_has_six_classes_and_their_mean() -> None:
    metrics = CompetitionMetrics({"negative": 0.75, "atypical": None, "opacity": 0.5}, 0.625)
    assert cells(competition_lines(metrics)) == [
        ["class", "AP@0.5"],
        ["negative", "0.7500"],
        ["atypical", "-"],
        ["opacity", "0.5000"],
        [""],
        ["mAP@0.5 0.6250"],
    ]
    assert competition_lines(CompetitionMetrics({"none": None}, None))[-1] == "mAP@0.5 -"

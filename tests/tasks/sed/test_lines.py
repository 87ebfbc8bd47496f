"""What a person is shown of sound events: hand-worked figures, dashes where nothing can be said."""

import re
from dataclasses import replace

import pytest

from nas.tasks.sed.metrics import SedMetrics, ThresholdSource

METRICS = SedMetrics(
    macro_f1=0.6,
    macro_f1_ci95=(0.5, 0.7),
    macro_f1_sd=0.05,
    lwlrap=0.75,
    lwlrap_ci95=(0.6, 0.9),
    precision_50=0.8,
    recall_50=0.4,
    macro_f1_recordings=0.65,
    segment_f1=0.5,
    segment_f1_micro=0.55,
    onset_f1=None,
    onset_f1_micro=None,
    per_class_f1={"dog": 0.75, "hen": None},
    counts={"dog": (3, 2, 0), "hen": (0, 0, 0)},
    thresholds={"dog": 0.25, "hen": 0.5},
    recordings=7,
    precision_50_ci95=(0.7, 0.9),
    segment_f1_ci95=(0.3, 0.7),
)


def test_hand_worked() -> None:
    lines = METRICS.lines()
    assert [line.split() for line in lines[:3]] == [
        ["class", "windows", "threshold", "precision", "recall", "F1"],
        ["dog", "3", "0.250", "0.6000", "1.0000", "0.7500"],
        ["hen", "0", "0.500", "-", "-", "-"],
    ]
    assert [line.split("  ") for line in re_spaced(lines[4:11])] == [
        ["figure", "value", "95 % interval"],
        ["LWLRAP", "0.7500", "0.6000 to 0.9000"],
        ["precision at 0.5", "0.8000", "0.7000 to 0.9000"],
        ["recall at 0.5", "0.4000", "-"],
        ["macro-F1 of recordings", "0.6500", "-"],
        ["macro-F1 of 1 s segments", "0.5000", "0.3000 to 0.7000"],
        ["macro-F1 of onsets within 200 ms", "-", "-"],
    ]


def re_spaced(lines: list[str]) -> list[str]:
    """Columns two spaces apart, however wide they are."""
    return [re.sub(" {2,}", "  ", line) for line in lines]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("given", "thresholds of the validation split"),
        (
            "other recordings",
            "thresholds are the best on all of these; each recording is counted with those of the "
            "others",
        ),
        (
            "same recording",
            "thresholds are the best on this very recording, so that every F1 is too high",
        ),
        (None, "not known what the thresholds were chosen on"),
    ],
)
def test_says_what_the_thresholds_were_chosen_on(source: ThresholdSource | None, said: str) -> None:
    assert replace(METRICS, thresholds_from=source).lines()[-1] == f"7 recordings; {said}"

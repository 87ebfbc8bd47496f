"""What a person is shown of sound events: hand-worked figures, dashes where nothing can be said."""

from nas.report.sound_metrics import sound_lines
from nas.tasks.sed.measurement import SedMetrics

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
)


def test_hand_worked() -> None:
    lines = sound_lines(METRICS)
    assert [line.split() for line in lines[:3]] == [
        ["class", "windows", "threshold", "precision", "recall", "F1"],
        ["dog", "3", "0.250", "0.6000", "1.0000", "0.7500"],
        ["hen", "0", "0.500", "-", "-", "-"],
    ]
    assert lines[4:] == [
        "LWLRAP 0.7500 (95 % interval 0.6000 to 0.9000), precision at 0.5 0.8000, "
        "recall at 0.5 0.4000, over 7 recordings",
        "macro-F1 of recordings 0.6500, of 1 s segments 0.5000, of onsets within 200 ms -",
    ]

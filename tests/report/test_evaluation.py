"""What a person is shown of an evaluation, whatever the task."""

import logging
from pathlib import Path

import pytest

from nas.report.evaluation import draw_evaluation, evaluation_lines
from tests.tasks.covid.test_lines import BOXES, STUDY


def test_an_evaluation_ends_in_the_primary_metric() -> None:
    studies = evaluation_lines("test", "macro_f1", STUDY)
    assert studies[:-1] == STUDY.lines()
    last = "test macro-F1 0.5500 (95 % interval 0.2500 to 0.7500), accuracy 0.6000"
    assert studies[-1] == last
    boxes = evaluation_lines("validation", "f1_50", BOXES)
    assert boxes[:-1] == BOXES.lines()
    assert boxes[-1] == "validation F1 at IoU 0.5 0.5000 (95 % interval 0.2500 to 0.6250)"


def test_classes_have_a_picture_and_boxes_none(tmp_path: Path) -> None:
    draw_evaluation(BOXES, tmp_path)
    assert list(tmp_path.iterdir()) == []
    draw_evaluation(STUDY, tmp_path)
    (picture,) = tmp_path.iterdir()
    assert picture.name == "confusion.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("failure", [MemoryError(), OSError(28, "No space left on device")])
def test_a_picture_that_fails_is_a_warning(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
) -> None:
    def fail(*_: object) -> bytes:
        raise failure

    monkeypatch.setattr("nas.report.evaluation.confusion_png", fail)
    with caplog.at_level(logging.WARNING):
        draw_evaluation(STUDY, tmp_path)
    (told,) = caplog.messages
    assert told.startswith(f"{tmp_path / 'confusion.png'}: could not be drawn: ")
    assert list(tmp_path.iterdir()) == []

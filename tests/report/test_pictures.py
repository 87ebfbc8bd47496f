"""Pictures are looked at by people; held here: they draw without a warning, and what they show."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from nas.metrics.confusion import Confusion
from nas.report.evaluation import confusion_png, most_confused, plot_confusion
from nas.report.figure import drawable_labels
from nas.report.findings import Findings
from nas.report.front_plot import front_png
from nas.report.history_plot import front_curves_png, plot_history
from nas.runs.records import TrialRecord
from tests.report.search_records import (
    BEST,
    CERTAINTY,
    FOUND,
    FRONT,
    MAX_MACS,
    METRIC,
    RECORDS,
    STOPPED,
)


def _size(png: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(png)) as picture:
        picture.load()
        assert picture.format == "PNG"
        return picture.size


@pytest.fixture
def scattered(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """MACs of each series that is drawn, by its label."""
    drawn: dict[str, list[float]] = {}
    scatter = Axes.scatter

    def spy(axes: Axes, x: Any, y: Any, **style: Any) -> Any:
        drawn[style["label"]] = list(x)
        return scatter(axes, x, y, **style)

    monkeypatch.setattr(Axes, "scatter", spy)
    return drawn


def test_front_plot_shows_every_trial_under_its_state(scattered: dict[str, list[float]]) -> None:
    front_png(Findings(RECORDS, FRONT, BEST, METRIC, max_cost=MAX_MACS))
    assert scattered == {
        "trained, not on the front (1)": [6_000_000],
        "front (2)": [1_862_490, 4_000_000],
        "chosen: trial 2 (1.86 M MACs, macro-F1 0.5176)": [1_862_490],
        "over budget, not trained (1)": [31_000_000],
        "failed (1)": [9_000_000],
    }


def test_stopped_trials_are_hollow_at_what_was_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, tuple[list[float], list[float], str | None]] = {}
    scatter = Axes.scatter

    def spy(axes: Axes, x: Any, y: Any, **style: Any) -> Any:
        drawn[style["label"]] = (list(x), list(y), style.get("facecolor"))
        return scatter(axes, x, y, **style)

    monkeypatch.setattr(Axes, "scatter", spy)
    front_png(Findings((*RECORDS, STOPPED), FRONT, BEST, METRIC, max_cost=MAX_MACS))
    assert drawn["stopped early, as predicted (1)"] == ([7_000_000], [0.45], "none")
    assert drawn["front (2)"][2] is None


def test_finalists_have_a_line_down_to_their_lower_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[Any, Any, Any]] = []
    errorbar = Axes.errorbar

    def spy(axes: Axes, x: Any, y: Any, yerr: Any, **style: Any) -> Any:
        assert style["label"] == "trained again: mean, lower bound (2)"
        drawn.append((x, y, yerr))
        return errorbar(axes, x, y, yerr=yerr, **style)

    monkeypatch.setattr(Axes, "errorbar", spy)
    front_png(FOUND)
    [(macs, means, errors)] = drawn
    assert macs == [1_862_490, 4_000_000]
    assert means == [0.49, 0.58]
    assert errors == [pytest.approx([1.645 * 0.02] * 2), [0, 0]]


@pytest.mark.parametrize(
    "records",
    [
        (),
        (STOPPED,),
        RECORDS[:1],
        RECORDS[1:2],
        (TrialRecord(0, "failed", {}, None, None, None, "out of memory"),),
        (TrialRecord(0, "trained", {"macs": 0, "parameters": 0}, 0.1),),
    ],
    ids=[
        "none",
        "one stopped",
        "one trained",
        "one over budget",
        "failed before counting",
        "no MACs",
    ],
)
@pytest.mark.parametrize("max_macs", [None, MAX_MACS])
def test_front_plot_of_few_trials(records: tuple[TrialRecord, ...], max_macs: int | None) -> None:
    found = Findings(records, (0,), 0, METRIC, CERTAINTY, max_cost=max_macs)
    assert _size(front_png(found))[0] >= 800


@pytest.mark.parametrize("num_classes", [1, 2, 25])
def test_confusion_matrix_of_any_size(num_classes: int, tmp_path: Path) -> None:
    path = tmp_path / "confusion.png"
    matrix = np.full((num_classes, num_classes), 12)
    plot_confusion(
        Confusion.of_matrix(matrix), [f"class-{index}" for index in range(num_classes)], path
    )
    width, _ = _size(path.read_bytes())
    assert width >= 30 * num_classes  # a cell holds two digits of legible size


def test_confusion_matrix_takes_any_class_name_and_a_class_without_samples() -> None:
    classes = ["$x_$", "<b>", "종이", "x" * 300, "new\nline", "\x1b[1m", "plain"]
    matrix = np.eye(len(classes), dtype=int)
    matrix[1, 1] = 0
    assert max(_size(confusion_png(Confusion.of_matrix(matrix), classes))) < 2000


def test_confusion_matrix_refuses_a_wrong_number_of_names() -> None:
    with pytest.raises(ValueError, match="2 classes for 3 names"):
        confusion_png(Confusion.of_matrix([[1, 0], [0, 1]]), ["a", "b", "c"])


def test_of_many_classes_the_most_confused_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    ticks = Axes.set_yticks

    def spy(axes: Axes, places: Any, labels: Any = None, **style: Any) -> Any:
        drawn.extend(labels or ())
        return ticks(axes, places, labels, **style)

    monkeypatch.setattr(Axes, "set_yticks", spy)
    labels = np.repeat(np.arange(25_000), 4)
    predictions = labels.copy()
    predictions[8:11], predictions[4:6], predictions[400:440] = 7, 0, 3
    confusion = Confusion.of(labels, predictions, 25_000)
    assert most_confused(confusion, 12)[:2] == [(100, 3, 4), (101, 3, 4)]
    assert most_confused(confusion, 12)[10:] == [(2, 7, 3), (1, 0, 2)]
    # no more texts than these: a matrix would be 100 GB
    assert max(_size(confusion_png(confusion, [f"$c{k}" for k in range(25_000)]))) < 2000
    assert drawn[0] == "$c100  taken for  $c3"
    assert len(drawn) == 12


@pytest.mark.parametrize("classes", [31, 60])
def test_no_confusion_is_drawn_too(classes: int) -> None:
    nothing = Confusion.of([], [], classes)
    assert max(_size(confusion_png(nothing, [str(k) for k in range(classes)]))) < 2000


def test_labels_are_shortened_in_the_middle_and_replaced_where_no_font_has_the_letters() -> None:
    # U+10FFFF is a noncharacter: no font draws it.
    names = ["glass", "a-very-long-name-of-a-class", "\U0010ffff"]
    assert drawable_labels(names, 11, lambda index: f"class {index + 1}") == [
        "glass",
        "a-ver…class",
        "class 3",
    ]


@pytest.mark.parametrize("epochs", [1, 50])
def test_history_of_one_run(epochs: int, tmp_path: Path) -> None:
    path = tmp_path / "history.png"
    losses = [1 / (epoch + 1) for epoch in range(epochs)]
    plot_history(losses, losses[::-1], path, best_epoch=epochs, metric=METRIC)
    assert _size(path.read_bytes())[0] >= 800


def test_curves_of_the_front() -> None:
    png = front_curves_png(FOUND)
    assert png is not None
    assert _size(png)[0] >= 800
    assert front_curves_png(Findings(RECORDS, (2,), None, METRIC)) is not None
    assert front_curves_png(Findings(RECORDS[1:2], (1,), None, METRIC)) is None

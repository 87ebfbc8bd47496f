"""The table of classes: hand-worked figures, dashes where nothing can be said."""

import numpy as np

from nas.metrics.confusion import Confusion
from nas.tasks.image.metrics import ClassificationMetrics, class_table


def test_hand_worked() -> None:
    # glass: 3 of 4 found, 3 of 5 predictions right; paper: 1 of 3 and 1 of 2; tin is never met
    confusion = Confusion.of_matrix([[3, 1, 0], [2, 1, 0], [0, 0, 0]])
    table = class_table(confusion, ("glass", "paper", "tin"))
    assert [line.split() for line in table] == [
        ["class", "samples", "precision", "recall", "F1"],
        ["glass", "4", "0.6000", "0.7500", "0.6667"],
        ["paper", "3", "0.5000", "0.3333", "0.4000"],
        ["tin", "0", "-", "-", "0.0000"],
    ]


def test_columns_stand_under_their_heads() -> None:
    head, *rows = class_table(Confusion.of_matrix([[10, 0], [0, 2]]), ("a", "a very long name"))
    assert {len(row) for row in rows} == {len(head)}


def test_of_many_classes_the_worst_have_a_line() -> None:
    labels = np.arange(25_000)
    predictions = np.where(labels < 3, 24_999, labels)
    metrics = ClassificationMetrics.from_confusion(
        Confusion.of(labels, predictions, 25_000), [f"c{k}" for k in labels]
    )
    lines = metrics.lines()
    # 24,999 is right once in four times: F1 2 / (1 + 4)
    assert [line.split()[0] for line in lines[1:6]] == ["c0", "c1", "c2", "c24999", "c3"]
    assert lines[4].split() == ["c24999", "1", "0.2500", "1.0000", "0.4000"]
    assert lines[-1] == "... and 24940 classes above these"
    assert len(lines) == 62


def test_pairs_are_read_back_and_so_are_matrices_of_any_size() -> None:
    for classes in (2, 256, 257):
        labels = np.arange(classes)
        confusion = Confusion.of(labels, labels[::-1], classes)
        metrics = ClassificationMetrics.from_confusion(confusion, [f"c{k}" for k in labels])
        written = metrics.as_json()
        assert ("confusion" in written) == (classes <= 256)
        assert ClassificationMetrics.from_json(written) == metrics
        older = {**written, "confusion": confusion.matrix().tolist()}
        assert ClassificationMetrics.from_json(older) == metrics

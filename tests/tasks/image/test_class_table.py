"""The table of classes: hand-worked figures, dashes where nothing can be said."""

from nas.tasks.image.metrics import class_table


def test_hand_worked() -> None:
    # glass: 3 of 4 found, 3 of 5 predictions right; paper: 1 of 3 and 1 of 2; tin is never met
    table = class_table([[3, 1, 0], [2, 1, 0], [0, 0, 0]], ("glass", "paper", "tin"))
    assert [line.split() for line in table.splitlines()] == [
        ["class", "samples", "precision", "recall", "F1"],
        ["glass", "4", "0.6000", "0.7500", "0.6667"],
        ["paper", "3", "0.5000", "0.3333", "0.4000"],
        ["tin", "0", "-", "-", "0.0000"],
    ]


def test_columns_stand_under_their_heads() -> None:
    head, *rows = class_table([[10, 0], [0, 2]], ("a", "a very long name")).splitlines()
    assert {len(row) for row in rows} == {len(head)}

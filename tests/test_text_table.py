"""Rows of cells as plain text."""

from nas.text_table import aligned


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows = [("name", "MACs", "mark"), ("a", "12.4 M", ""), ("longest", "7", "x")]
    assert aligned(rows, left=(0, 2)) == [
        "name       MACs  mark",
        "a        12.4 M",
        "longest       7  x",
    ]

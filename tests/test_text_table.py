"""Rows of cells as plain text and as CSV, and texts that nobody obeys."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.text_table import aligned, csv_cell_read, csv_text, plain_name, plain_text


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows = [("name", "MACs", "mark"), ("a", "12.4 M", ""), ("longest", "7", "x")]
    assert aligned(rows, left=(0, 2)) == [
        "name       MACs  mark",
        "a        12.4 M",
        "longest       7  x",
    ]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t=1"),
        ("'=1", "''=1"),
        ("'quoted'", "'quoted'"),
        ("a=b", "a=b"),
        ("-5", "-5"),  # numbers, as names of classes often are
        ("+1.5e-3", "+1.5e-3"),
        ("-inf", "-inf"),
        ("", ""),
        (-0.25, "-0.25"),
        (None, ""),
    ],
)
def test_no_cell_is_a_formula(cell: object, written: str) -> None:
    """OWASP's list of first characters (CSV injection)."""
    ((_, found),) = list(csv.reader(io.StringIO(csv_text(("a", "b"), [("x", cell)]))))[1:]
    assert found == written


@given(st.text(alphabet="'=+-@\t\r1a.e"))
def test_every_cell_is_read_back(cell: str) -> None:
    text = csv_text(("a", "b"), [("x", cell)])
    ((_, found),) = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert csv_cell_read(found) == cell
    assert found[:1] not in set("=+-@\t\r") or float(found) == float(found) or found.endswith("nan")


def test_heads_are_cells_too() -> None:
    assert csv_text(("file", "=x"), []) == "file,'=x\n"


def test_nothing_that_a_terminal_obeys_is_left() -> None:
    told = "red\x1b[31m\r\x07 \x9b1m \x7f \u202eabc 종이 é\tx\ny"
    assert plain_text(told) == (
        "red\\u001b[31m\\u000d\\u0007 \\u009b1m \\u007f \\u202eabc 종이 é\tx\ny"
    )
    assert plain_name("a\nb\udce9") == "a\\u000ab\\xe9"
    assert plain_name(plain_name("a\nb\udce9")) == plain_name("a\nb\udce9")

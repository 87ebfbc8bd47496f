"""Scores: the named one, against figures worked by hand; the parser, against anything."""

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import NasError
from nas.spec.score import parse_score

VALUES = {
    "macs": 1_862_490.0,
    "parameters": 1e5,
    "metric": 0.4892,
    "macro_f1": 0.4892,
    "accuracy": 0.6,
}


def test_pstage4_gives_the_score_that_the_competition_published() -> None:
    assert round(parse_score("pstage4")(VALUES), 4) == 1.1343


@pytest.mark.parametrize(
    ("macs", "metric", "expected"),
    [
        (13_863_553, 0.8342, 1.0),
        (0, 0.499_999, 1.0),
        (0, 0.5, 1 - 0.5 / 0.8342),
        (0, 0.9, 0.5 * (1 - 0.9 / 0.8342)),
        (6_931_776.5, 0.0, 1.5),
    ],
)
def test_pstage4_has_a_cliff_at_a_half(macs: float, metric: float, expected: float) -> None:
    assert parse_score("pstage4")({"macs": macs, "metric": metric}) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("macs / 2 - 1", 931_244.0),
        ("2 ** 3 ** 2", 512.0),
        ("-2 ** 2", -4.0),
        ("min(macs, 7) + max(1, 2, 3)", 10.0),
        ("log(8, 2) + log2(8) + log10(1000) + sqrt(16) + abs(-1) + exp(0)", 15.0),
        ("1 if 0.4 < macro_f1 < 0.5 and not accuracy < 0.5 else 2", 1.0),
        ("1 if macro_f1 > 0.5 or accuracy >= 0.6 else 2", 1.0),
    ],
)
def test_expressions_have_their_value(text: str, expected: float) -> None:
    assert parse_score(text)(VALUES) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    [
        "", "macs +", "macs.real", "macs.__class__", "__import__('os')", "[1]", "(1, 2)", "'a'",
        "1j", "lambda: 1", "(x := 1)", "macs[0]", "f'{macs}'", "min", "min()", "min(1)",
        "log(1, 2, 3)",
        "abs(macs, 1)", "min(*macs)", "log(x=1)", "eval(macs)", "macs is 1", "macs % 2",
        "macs // 2", "1 << 99", "~macs", "pstage", "macs if", "await macs", "None", "...",
        "macs\n+1; 2",
        "min + 1",
        "(" * 500 + "1" + ")" * 500, "-" * 1990 + "1", "+".join(["1"] * 900), "x" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_score_is_refused(text: str) -> None:
    with pytest.raises(NasError) as caught:
        parse_score(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["9**9**9**9", "1 / 0", "log(0)", "sqrt(-1)", "(-8) ** 0.5", "exp(1e9)", "1e308 * 10",
     f"macs * {'9' * 400}", "1e999 - 1e999"],
)  # fmt: skip
def test_a_score_without_a_value_says_so_at_once(text: str) -> None:
    start = time.process_time()
    with pytest.raises(NasError, match=r"has no value at macs=1862490.0, parameters="):
        parse_score(text)(VALUES)
    assert time.process_time() - start < 1


def test_a_quantity_that_is_not_known_is_named() -> None:
    with pytest.raises(NasError, match="needs 'accuracy'"):
        parse_score("accuracy")({"macs": 1.0})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("macs - metric", ()),
        ("pstage4", ()),
        ("most_accurate", ()),
        ("macs / f1_50", ("f1_50",)),
        ("min(f1_50, 1) if macro_f1 < 0.5 else f1_50", ("macro_f1", "f1_50")),
        ("macs - accuracy", ("accuracy",)),
    ],
)
def test_metrics_that_a_score_names(text: str, named: tuple[str, ...]) -> None:
    assert parse_score(text).metrics == named


PARTS = ["macs", "macro_f1", "1", "2.5", "9", "+", "-", "*", "/", "**", "<", "==", "(", ")", ",",
         " ", "if", "else", "min", "log", "exp", "not", "and", ".", "[", "'", "\\", "is",
         ":="]  # fmt: skip


@settings(max_examples=300)
@given(st.text(max_size=40) | st.lists(st.sampled_from(PARTS), max_size=25).map(" ".join))
def test_any_text_gives_a_number_or_a_nas_error(text: str) -> None:
    value, message, begun = 0.0, "", time.thread_time()
    try:
        value = parse_score(text)(VALUES)
    except NasError as error:
        message = str(error)
    assert time.thread_time() - begun < 2
    assert math.isfinite(value)
    assert "\n" not in message

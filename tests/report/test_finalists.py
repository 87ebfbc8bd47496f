"""Finalists in words and tables, and on the page of a search."""

from dataclasses import replace
from pathlib import Path

from nas.report.tables import expectation_text, finalist_table, noise_text
from nas.runs.records import Certainty, Estimate, SeedNoise, write_finalists_csv
from tests.report.search_records import BEST, CERTAINTY, FINALS, FOUND, METRIC, RECORDS
from tests.report.test_html import _report


def test_what_is_expected_of_the_best() -> None:
    # 0.49 - 1.645 x 0.02 = 0.4571
    assert expectation_text(RECORDS[2], CERTAINTY.estimates[2], metric=METRIC) == (
        "macro-F1 0.4900 (0.4571 at least, 2 other seeds; measured 0.5176 when it was found)"
    )
    by_model = expectation_text(RECORDS[2], Estimate(0.49, 0.03), metric=METRIC)
    assert "by the model of the search" in by_model


def test_table_of_finalists() -> None:
    assert finalist_table(FOUND) == "\n".join(
        (
            "trial    MACs  when found  mean again  at least  each seed",
            "    2  1.86 M      0.5176      0.4900    0.4571  0.5000, 0.4800  <- best",
            "    0  4.00 M      0.6100      0.5800    0.5471  0.5800, failed",
        )
    )
    assert (
        finalist_table(replace(FOUND, certainty=Certainty({}, SeedNoise(0.0, 0)), best=None)) == ""
    )


def test_both_noises_are_told() -> None:
    text = noise_text(CERTAINTY, BEST, metric=METRIC)
    assert "0.0140 by the seed (1 repeat)" in text
    assert "0.0200 by the sample of the validation split" in text
    alone = Certainty(CERTAINTY.estimates, SeedNoise(0.01, 0))
    assert "nothing was repeated" in noise_text(alone, BEST, metric=METRIC)


def test_page_tells_of_finalists(tmp_path: Path) -> None:
    page = _report(tmp_path)
    for text in ("0.4900 (0.4571 at least", "0.0140 by the seed", "Finalists", "0.5000, 0.4800"):
        assert text in page.text, text
    alone = _report(tmp_path, certainty=replace(CERTAINTY, finals=()))
    assert "Members of the front trained again" not in alone.text


def test_csv_has_a_row_a_training(tmp_path: Path) -> None:
    write_finalists_csv(tmp_path / "finalists.csv", FINALS, METRIC)
    lines = (tmp_path / "finalists.csv").read_text().splitlines()
    assert lines[0] == (
        "trial,seed,state,macs,macro_f1,macro_f1_sd,accuracy,epochs,seconds,reason,history"
    )
    assert lines[2] == "0,2,failed,,,,,,,the loss became NaN,"
    assert lines[3] == "2,1,trained,1862490,0.5,0.02,0.6,,,,0.3 0.5"

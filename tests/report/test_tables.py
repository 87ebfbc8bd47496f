import pytest

from nas.report.findings import Findings
from nas.report.tables import front_table, metric_title, metric_with_article, seconds_text
from tests.report.search_records import FOUND, METRIC, RECORDS


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.7, "1 min 00 s"),
        (185.0, "3 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7390.0, "2 h 03 min"),
    ],
)
def test_seconds_never_show_sixty(seconds: float | None, text: str) -> None:
    assert seconds_text(seconds) == text


def test_metric_title_of_an_unlisted_metric_is_its_words() -> None:
    assert metric_title("macro_f1") == "macro-F1"
    assert metric_title("segment_f1") == "segment f1"


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("macro_f1", "a macro-F1"),
        ("f1_50", "an F1 at IoU 0.5"),
        ("lwlrap", "an LWLRAP"),
        ("map_50", "a mAP@0.5"),
    ],
)
def test_article_of_a_metric_is_as_it_is_spoken(metric: str, text: str) -> None:
    assert metric_with_article(metric) == text


def test_front_table_is_aligned_cheapest_first_and_marks_the_best() -> None:
    assert front_table(FOUND) == "\n".join(
        (
            "trial    MACs  parameters  macro-F1  architecture      time",
            "    2  1.86 M       151 k    0.5176  cccccccccccccccc  12 s  <- best",
            "    0  4.00 M       300 k    0.6100  aaaaaaaaaaaaaaaa  21 s",
        )
    )


def test_empty_front_says_why() -> None:
    empty = front_table(Findings(RECORDS[1:2], (), None, METRIC))
    assert empty == "The front is empty: no network was trained."

import re
from io import StringIO

import pytest
from rich.console import Console

from nas.report.progress import SearchProgress
from nas.runs.records import TrialRecord
from tests.report.search_records import METRIC, RECORDS, STOPPED


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def _feed(progress: SearchProgress, records: tuple[TrialRecord, ...] = RECORDS) -> None:
    trained = 0
    for record in records:
        trained += record.state == "trained"
        progress.waiting(f"trial {record.number}: training")
        progress.finished(record, trained)


def test_plain_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = StringIO()
    with SearchProgress(10, metric=METRIC, stream=stream) as progress:
        _feed(progress, RECORDS[:6])
    assert stream.getvalue().splitlines() == [
        "trial   0  4.00 M MACs  macro-F1 0.6100, 21 s, 1/10 trained, best 0.6100 at 4.00 M, "
        "3 min 13 s left",
        "trial   2  1.86 M MACs  macro-F1 0.5176, 12 s, 2/10 trained, best 0.6100 at 4.00 M, "
        "2 min 14 s left, 1 over budget",
        "trial   3  9.00 M MACs  failed: the loss became NaN, 2/10 trained, "
        "best 0.6100 at 4.00 M, 2 min 14 s left, 1 over budget, 1 failed",
        "trial   5  6.00 M MACs  macro-F1 0.5500, 30 s, 3/10 trained, best 0.6100 at 4.00 M, "
        "2 min 28 s left, 1 duplicate, 1 over budget, 1 failed",
    ]


def test_control_characters_of_a_reason_stay_out_of_a_log() -> None:
    stream = StringIO()
    record = TrialRecord(
        0,
        "failed",
        {"macs": 5, "parameters": 1},
        reason="\x1b[2Jbad [bold]\nsecond line \u2013 \r\x07",
    )
    with SearchProgress(None, metric=METRIC, stream=stream) as progress:
        progress.finished(record, 0)
    assert stream.getvalue() == (
        "trial   0       5 MACs  failed: ?[2Jbad [bold] second line \\u2013 ?, "
        "0 trained, 1 failed\n"
    )


def test_live_line_below_the_trials_on_a_terminal() -> None:
    stream = StringIO()
    console = Console(file=stream, force_terminal=True, width=200, legacy_windows=False)
    with SearchProgress(10, metric=METRIC, console=console, workers=2) as progress:
        _feed(progress, RECORDS[:2])
        progress.waiting("trial 1: 31.0 M MACs, epoch 2 of 3")
        progress.refresh()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "trial   0  4.00 M MACs  macro-F1 0.6100, 21 s\n" in text
    assert (
        "trial 1: 31.0 M MACs, epoch 2 of 3 | 1/10 trained | best 0.6100 at 4.00 M | "
        "1 min 36 s left | 2 workers | 1 over budget"
    ) in text


def test_live_line_never_wraps() -> None:
    stream = StringIO()
    console = Console(file=stream, force_terminal=True, width=30, legacy_windows=False)
    with SearchProgress(10, metric=METRIC, console=console) as progress:
        progress.waiting("trial 1: " + "x" * 100)
        progress.refresh()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert max(map(len, re.split(r"[\r\n]", text))) == 30


def test_time_left_is_the_trials_or_the_limit_whichever_ends_first() -> None:
    clock = _Clock()
    progress = SearchProgress(
        11, metric=METRIC, stream=StringIO(), workers=2, time_limit_s=90.0, clock=clock
    )
    assert progress.time_left_s() == 90.0
    with progress:
        progress.finished(RECORDS[5], 1)
        clock.now_s += 30
        assert progress.time_left_s() == 60.0
        progress.finished(RECORDS[5], 10)
        assert progress.time_left_s() == 15.0  # 1 trial of 30 s, 2 workers
        clock.now_s += 300
        assert progress.time_left_s() == 0.0


def test_time_left_is_unknown_before_the_first_trial() -> None:
    assert SearchProgress(10, metric=METRIC, stream=StringIO()).time_left_s() is None


def test_a_resumed_run_counts_its_earlier_trials() -> None:
    stream = StringIO()
    with SearchProgress(10, metric=METRIC, stream=stream, earlier=RECORDS[:5]) as progress:
        progress.finished(RECORDS[5], 3)
    assert "3/10 trained, best 0.6100 at 4.00 M" in stream.getvalue()
    assert "1 duplicate, 1 over budget, 1 failed" in stream.getvalue()


def test_a_stopped_trial_says_why_and_counts_as_done() -> None:
    stream = StringIO()
    with SearchProgress(4, metric=METRIC, stream=stream, earlier=(RECORDS[0], STOPPED)) as progress:
        progress.finished(STOPPED, 3)
    assert stream.getvalue() == (
        "trial   7  7.00 M MACs  stopped after 3 epochs: at best 0.5200, and trial 5 has 0.5500 "
        "at only 6.00 M MACs, 3/4 trained, best 0.6100 at 4.00 M, 9.8 s left, 2 stopped early\n"
    )


def test_stopped_trials_of_a_resumed_run_are_done() -> None:
    console = Console(file=StringIO(), width=200)
    with SearchProgress(
        4, metric=METRIC, console=console, earlier=(RECORDS[0], STOPPED)
    ) as progress:
        assert progress.time_left_s() == pytest.approx(2 * (21.4 + 4.0) / 2)

"""Lines while files are read: none at first, then one in ten seconds."""

from nas.report.lines import ReadingLines


def test_a_line_in_ten_seconds() -> None:
    said: list[str] = []
    now = 100.0
    lines = ReadingLines(said.append, lambda: now)
    for done in range(1, 36):
        now += 1.0
        lines(done, 400)
    assert [line.split(";")[0] for line in said] == [
        "  10 of 400 files read",
        "  20 of 400 files read",
        "  30 of 400 files read",
    ]

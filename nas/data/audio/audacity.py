"""Label tracks of Audacity, one a recording: start, end and label with tabs, and no head.

Format: manual.audacityteam.org/man/importing_and_exporting_labels.html. A line that begins with a
backslash gives the frequencies of the label before it.
"""

from dataclasses import replace
from pathlib import Path

from nas.data.audio.annotation import EventTable, seconds, timed_event
from nas.data.audio.dataset import EventRow
from nas.data.table import table_lines


def is_label_track(first_line: str) -> bool:
    """Whether a file that begins so is one."""
    cells = first_line.split("\t")
    try:
        return len(cells) >= 2 and [seconds(cell.strip(), "") for cell in cells[:2]] != []
    except ValueError:
        return False


def read_label_track(table: Path, recording: str) -> EventTable:
    """The labels of a recording; wrong lines are named and left out."""
    rows: list[EventRow] = []
    wrong: list[str] = []
    for line, text in table_lines(table):
        place = f"{table.name}:{line}"
        cells = [cell.strip() for cell in text.split("\t")]
        try:
            if cells[0] == "\\":
                if rows and len(cells) >= 3:
                    low_hz, high_hz = (seconds(cell, "frequency") for cell in cells[1:3])
                    rows[-1] = replace(rows[-1], f_min_hz=low_hz, f_max_hz=high_hz)
                continue
            if len(cells) < 3:
                raise ValueError("not three cells with tabs between: start, end, label")
            parts = dict(zip(("onset", "offset", "label"), cells, strict=False))
            rows.append(timed_event({"recording": recording, **parts}, place))
        except ValueError as error:
            wrong.append(f"{place}: {error}")
    return EventTable(tuple(rows), tuple(wrong), (recording,))

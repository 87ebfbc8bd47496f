"""Selection tables of Raven and BirdNET, one a recording or one for all.

Raven (Cornell Lab of Ornithology) writes tabs; `Begin Time (s)` counts from the start of the first
file of a sound, and `File Offset (s)` from that of the file itself. It writes a row for each view,
so one selection may stand there twice. BirdNET-Analyzer writes such tables too, or commas with
`Start (s)`, `End (s)`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from nas.data.audio.annotation import (
    Cells,
    EventTable,
    TableFormat,
    seconds,
    shifted,
    timed_event,
)
from nas.data.audio.dataset import EventRow

_LABELS = (
    "annotation", "species", "common name", "species code", "label", "class", "sound type", "tags",
    "scientific name",
)  # fmt: skip


def _events(cells: Cells, place: str) -> Iterable[EventRow]:
    event = timed_event(cells, place)
    if cells["file_offset"]:
        event = shifted(event, seconds(cells["file_offset"], "File Offset (s)") - event.t_min_s)
    bands = (cells["low_hz"], cells["high_hz"])
    if all(bands):
        low_hz, high_hz = (seconds(cell, "frequency") for cell in bands)
        event = replace(event, f_min_hz=low_hz, f_max_hz=high_hz)
    return (event,)


class SelectionTables(TableFormat):
    """Selection tables; a selection that is there in two views is one event."""

    def read(self, table: Path, head: Sequence[str], recording: str = "") -> EventTable:
        found = super().read(table, head, recording)
        once = {(replace(row, place="", songtype=1)): row for row in reversed(found.rows)}
        return replace(found, rows=tuple(reversed(once.values())))


RAVEN = SelectionTables(
    "Raven selection table",
    {
        "onset": ("begin time (s)", "start (s)"),
        "offset": ("end time (s)", "end (s)"),
        "label": _LABELS,
    },
    _events,
    {
        "recording": ("begin file", "begin path", "file"),
        "file_offset": ("file offset (s)",),
        "low_hz": ("low freq (hz)",),
        "high_hz": ("high freq (hz)",),
    },
)

"""DCASE's tables of strong labels: `filename onset offset event_label`, with tabs or commas.

Format: dcase.community/challenge2023/task-sound-event-detection-with-weak-and-synthetic; a file in
which nothing sounds has a row of its own with the other cells empty.
"""

from collections.abc import Iterable

from nas.data.audio.annotation import Cells, TableFormat, timed_event
from nas.data.audio.dataset import EventRow

_EMPTY = ("", "nan", "none")


def _events(cells: Cells, place: str) -> Iterable[EventRow]:
    if all(cells[part].lower() in _EMPTY for part in ("onset", "offset", "label")):
        return ()
    return (timed_event(cells, place),)


DCASE = TableFormat(
    "DCASE",
    {
        "recording": ("filename", "file", "recording"),
        "onset": ("onset", "onset_s", "start"),
        "offset": ("offset", "offset_s", "end"),
        "label": ("event_label", "label", "class"),
    },
    _events,
)

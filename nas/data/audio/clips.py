"""Labels of whole clips, without times: tables of ESC-50, UrbanSound8K, BirdCLEF, FSD50K and
DCASE's weak labels, and folders that are classes.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from nas.data.audio.annotation import Cells, EventTable, TableFormat, clip_event
from nas.data.audio.dataset import EventRow


def _events(cells: Cells, place: str) -> Iterable[EventRow]:
    labels = [label.strip() for label in cells["label"].split(",") if label.strip()]
    if not labels:
        raise ValueError("names no class")
    return [clip_event(cells["recording"], label, place) for label in labels]


CLIPS = TableFormat(
    "table of clips",
    {
        "recording": ("filename", "slice_file_name", "fname", "file", "path", "recording_id"),
        "label": ("category", "class", "primary_label", "event_labels", "labels", "label"),
    },
    _events,
    timed=False,
)


def read_class_folders(folder: Path, files: Mapping[str, Path]) -> EventTable:
    """The class of each recording is the folder below `folder` that it lies in."""
    rows: list[EventRow] = []
    wrong: list[str] = []
    for name, path in files.items():
        parts = path.relative_to(folder).parts
        place = "/".join(parts)
        if len(parts) < 2:
            wrong.append(f"{place}: lies in no folder of a class")
        else:
            rows.append(clip_event(name, parts[0], place))
    return EventTable(tuple(rows), tuple(wrong), tuple(row.recording_id for row in rows), False)

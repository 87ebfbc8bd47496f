"""Predicted events as other programs read them: Raven, Audacity, and the tables of DCASE."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.tasks.base import Prediction
from nas.tasks.sed.requirements import mel_preprocess

_RAVEN = (
    "Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)",
    "High Freq (Hz)", "Begin Path", "File Offset (s)", "Annotation", "Score",
)  # fmt: skip


def dcase_table(predictions: Sequence[Prediction], architecture: ArchitectureSpec) -> str:
    """`filename onset offset event_label`; a recording without events has its name alone."""
    rows: list[tuple[Any, ...]] = [("filename", "onset", "offset", "event_label")]
    for item in predictions:
        events = item.values.get("events", [])
        name = Path(item.file).name
        rows += [(name, *_times(event), event["class"]) for event in events]
        if not events and item.error is None:
            rows.append((name, "", "", ""))
    return _with_tabs(rows)


def raven_table(predictions: Sequence[Prediction], architecture: ArchitectureSpec) -> str:
    """A selection table; each event spans the frequencies that the network hears, and its times
    count from the start of its own file."""
    mel = mel_preprocess(architecture.preprocess)
    bands = (f"{mel.low_hz:.1f}", f"{mel.top_hz:.1f}")
    rows: list[tuple[Any, ...]] = [_RAVEN]
    for number, (file, event) in enumerate(_events(predictions), start=1):
        onset, offset = _times(event)
        score = f"{event['score']:.4f}"
        times = (onset, offset, *bands, str(Path(file).absolute()), onset)
        rows.append((number, "Spectrogram 1", 1, *times, event["class"], score))
    return _with_tabs(rows)


def label_track(predictions: Sequence[Prediction], architecture: ArchitectureSpec) -> str:
    """A label track of Audacity. Raises NasError for several recordings, as it names none."""
    if len(predictions) > 1:
        problem = (
            f"a label track is of one recording, not of {len(predictions)}; predict each alone"
        )
        raise NasError(problem, key="--table")
    return _with_tabs((*_times(event), event["class"]) for _, event in _events(predictions))


def _events(predictions: Sequence[Prediction]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in predictions:
        for event in item.values.get("events", []):
            yield item.file, event


def _times(event: dict[str, Any]) -> tuple[str, str]:
    return f"{event['onset_s']:.3f}", f"{event['offset_s']:.3f}"


def _with_tabs(rows: Iterable[tuple[Any, ...]]) -> str:
    stream = StringIO()
    csv.writer(stream, delimiter="\t", lineterminator="\n").writerows(rows)
    return stream.getvalue()

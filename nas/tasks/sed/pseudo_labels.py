"""Pseudo-labels of partly labelled recordings. K classes, T frames."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nas.data.audio.dataset import EventRow, Recording, RecordingSet
from nas.data.audio.preprocess import MelPreprocess
from nas.errors import NasError
from nas.text_table import csv_text

_COLUMNS = ("recording_id", "species_id", "songtype_id", "t_min", "f_min", "t_max", "f_max")
"""Of RFCX's `train_tp.csv`."""


@dataclass(frozen=True, eq=False)
class AddedLabels:
    """Recordings with pseudo-labels, and these as events."""

    recordings: RecordingSet
    rows: tuple[EventRow, ...]
    """One row a stretch of frames that became positive, by recording, class and time."""

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each class, in the order of the classes."""
        found = [row.species for row in self.rows]
        return {name: found.count(name) for name in self.recordings.classes}

    def table(self, species_ids: Mapping[str, int | str]) -> str:
        """The rows as a CSV that reads as RFCX's true positives do; numbers are by class name."""
        rows = (
            (
                row.recording_id,
                species_ids[row.species],
                row.songtype,
                f"{row.t_min_s:.6f}",
                row.f_min_hz,
                f"{row.t_max_s:.6f}",
                row.f_max_hz,
            )
            for row in self.rows
        )
        return csv_text(_COLUMNS, rows)


def check_pseudo_labelling(recordings: RecordingSet) -> None:
    """Raises NasError for fully labelled training recordings: no label can be added."""
    if recordings.complete:
        raise NasError(
            "the labels of the training recordings are complete: without a table of false "
            "positives what is not labelled is absent, and none can be added",
            key="training.pseudo_labelling",
        )


def add_labels(
    recordings: RecordingSet,
    probabilities: Sequence[NDArray[np.float32]],
    threshold: float,
    preprocess: MelPreprocess,
) -> AddedLabels:
    """Frames of unknown label become positive where a class has at least `threshold`.

    `probabilities` are those of each recording's frames (K, T). What a table says stays as it is.
    A box spans all bands: a network does not predict frequencies.

    Raises NasError for fully labelled recordings.
    """
    check_pseudo_labelling(recordings)
    labelled: list[Recording] = []
    rows: list[EventRow] = []
    for recording, probability_KT in zip(recordings.recordings, probabilities, strict=True):
        added_KT = (recording.labels_KT == 0) & (probability_KT >= threshold)
        labels_KT = recording.labels_KT + added_KT.astype(np.int8)
        labelled.append(replace(recording, labels_KT=labels_KT))
        for index, first, end in _stretches(added_KT):
            rows.append(_row(recording.id, recordings.classes[index], first, end, preprocess))
    return AddedLabels(replace(recordings, recordings=tuple(labelled)), tuple(rows))


def _stretches(added_KT: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Class, first frame and the frame after the last of each run of true values."""
    edges_KT = np.diff(np.pad(added_KT.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    # Rows come in order, and within each the beginnings and the ends alternate.
    class_E, first_E = np.nonzero(edges_KT > 0)
    _, end_E = np.nonzero(edges_KT < 0)
    yield from zip(class_E.tolist(), first_E.tolist(), end_E.tolist(), strict=True)


def _row(
    recording_id: str, species: str, first: int, end: int, preprocess: MelPreprocess
) -> EventRow:
    return EventRow(
        recording_id,
        species,
        first * preprocess.frame_s,
        end * preprocess.frame_s,
        preprocess.low_hz,
        preprocess.top_hz,
    )

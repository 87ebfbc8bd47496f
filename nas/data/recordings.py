"""Recordings as arrays: what a split, and a whole data set of sounds, are in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.event_labels import EventRow
from nas.data.split_names import Split


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording's spectrogram and labels."""

    id: str
    path: str
    """Relative to the data set's folder."""
    mel_FT: NDArray[np.float16]
    """Log-mel values in dB, not normalised; read-only, and often a memory map of the cache."""
    labels_KT: NDArray[np.int8]
    """1 present, 0 unknown, -1 known to be absent."""
    events: tuple[EventRow, ...]
    """The rows of what is present, as the table says; those of one class may touch or overlap."""

    @property
    def frames(self) -> int:
        return int(self.labels_KT.shape[1])


@dataclass(frozen=True, eq=False)
class RecordingSet:
    """Recordings of one split, in the order of their ids."""

    recordings: tuple[Recording, ...]
    classes: tuple[str, ...]
    complete: bool
    """Whether all that sounds is labelled: unknown then means absent."""

    def __len__(self) -> int:
        return len(self.recordings)


@dataclass(frozen=True, eq=False)
class AudioData:
    """A data set of recordings; a split that was not asked for is None."""

    train: RecordingSet | None
    validation: RecordingSet | None
    test: RecordingSet | None
    classes: tuple[str, ...]
    source: str
    frame_s: float
    """Seconds from frame to frame."""
    unreadable: tuple[str, ...] = ()
    """`PATH: REASON` of each file and each row of a table that was left out."""
    cut: tuple[str, ...] = ()
    """The same of each row that ends after its recording, and was cut there."""
    made_splits: tuple[Split, ...] = ()
    """Splits that the source does not have, taken from its train split."""
    made_digest: str = ""
    """Digest of which recording is in which split, where splits are made; else empty."""
    ignored_files: int = 0
    """Files of sound that no table labels, where labels are known in part."""
    species_ids: tuple[int, ...] = ()
    """Number of each class in the tables."""

    def split(self, name: Split) -> RecordingSet:
        """The named split. Raises ValueError if it was not loaded."""
        found: RecordingSet | None = getattr(self, name)
        if found is None:
            raise ValueError(f"split {name!r} of {self.source} was not loaded")
        return found

"""The data of sound event detection, with what turns them into a network's inputs."""

from dataclasses import dataclass

import numpy as np

from nas.data.audio.dataset import AudioData, RecordingSet
from nas.data.audio.preprocess import MelPreprocess
from nas.data.splits import Split
from nas.spec.definition import InputSpec
from nas.tasks.base import Thresholds

SILENT_DB = 1.0
"""Std in dB of recordings that are constant."""


def fitted_preprocess(preprocess: MelPreprocess, recordings: RecordingSet) -> MelPreprocess:
    """The same with mean and std of all values of the recordings, in dB."""
    values, total, squares = 0, 0.0, 0.0
    for recording in recordings.recordings:
        mel_FT = np.asarray(recording.mel_FT, np.float64)
        values += mel_FT.size
        total += float(mel_FT.sum())
        squares += float(np.square(mel_FT).sum())
    mean = total / values
    std = float(np.sqrt(max(squares / values - mean**2, 0.0)))
    std = std if std > 1e-3 else SILENT_DB
    written = preprocess.model_dump() | {"mean": round(mean, 4), "std": round(std, 4)}
    return MelPreprocess.model_validate(written)


@dataclass(frozen=True, eq=False)
class SedData:
    """Spectrograms of recordings with their labels, the windows' shape, the normalisation."""

    audio: AudioData
    preprocess: MelPreprocess
    input: InputSpec
    """Height: mel bands; width: frames of a window."""
    thresholds: Thresholds | None = None
    """Chosen before, on other recordings; None lets a measurement choose the best."""

    @property
    def classes(self) -> tuple[str, ...]:
        return self.audio.classes

    @property
    def source(self) -> str:
        return self.audio.source

    @property
    def made_splits(self) -> tuple[Split, ...]:
        return self.audio.made_splits

    @property
    def split_digest(self) -> str:
        return self.audio.split_digest

    @property
    def unreadable(self) -> tuple[str, ...]:
        return self.audio.unreadable

    @property
    def notes(self) -> tuple[str, ...]:
        """Files that nothing is known of, and events that last longer than their recordings."""
        audio = self.audio
        lines = []
        if audio.ignored_files:
            lines.append(f"{audio.ignored_files} files of sound that no table labels are ignored")
        if audio.cut:
            lines.append(
                f"{len(audio.cut)} events end after their recordings and are cut there, "
                f"first {audio.cut[0]}"
            )
        return tuple(lines)

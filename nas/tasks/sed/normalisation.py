"""How spectrograms are brought to mean 0 and deviation 1."""

import numpy as np

from nas.data.recordings import RecordingSet
from nas.spec.preprocess import MelPreprocess

SILENT_DB = 1.0
"""Deviation that is taken for recordings which have none."""


def fitted_preprocess(preprocess: MelPreprocess, recordings: RecordingSet) -> MelPreprocess:
    """The same with mean and deviation of all values of the recordings, in dB."""
    values, total, squares = 0, 0.0, 0.0
    for recording in recordings.recordings:
        mel_FT = np.asarray(recording.mel_FT, np.float64)
        values += mel_FT.size
        total += float(mel_FT.sum())
        squares += float(np.square(mel_FT).sum())
    mean = total / values
    deviation = float(np.sqrt(max(squares / values - mean**2, 0.0)))
    std = deviation if deviation > 1e-3 else SILENT_DB
    written = preprocess.model_dump() | {"mean": round(mean, 4), "std": round(std, 4)}
    return MelPreprocess.model_validate(written)

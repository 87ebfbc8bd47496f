"""Small recordings whose every value says where it comes from."""

from collections.abc import Sequence

import numpy as np

from nas.data.audio.dataset import EventRow, Recording, RecordingSet

CLASSES = ("dog", "hen", "rain")
FRAME_S = 0.1
Span = tuple[int, int, int]
"""Class, first frame, and the frame after the last."""


def recording(
    name: str,
    frames: int,
    positive: Sequence[Span] = (),
    negative: Sequence[Span] = (),
    bands: int = 4,
    offset: int = 0,
) -> Recording:
    """Frame f of every band has the value `offset` - f / 4, exact in float16."""
    labels_KT = np.zeros((len(CLASSES), frames), dtype=np.int8)
    for value, spans in ((-1, negative), (1, positive)):
        for index, first, end in spans:
            labels_KT[index, first:end] = value
    mel_T = offset - np.arange(frames, dtype=np.float16) / 4
    mel_FT = np.repeat(mel_T[None].astype(np.float16), bands, axis=0)
    events = [
        EventRow(name, CLASSES[index], first * FRAME_S, end * FRAME_S)
        for index, first, end in positive
    ]
    return Recording(name, f"train/{name}.flac", mel_FT, labels_KT, tuple(events))


def recording_set(*recordings: Recording, complete: bool = False) -> RecordingSet:
    return RecordingSet(recordings, CLASSES, complete)

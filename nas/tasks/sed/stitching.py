"""From the windows of recordings back to whole recordings."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from blocks import TimeAttentionOutput
from nas.data.recordings import RecordingSet
from nas.tasks.sed.results import RecordingResult, labelled_events
from nas.tasks.sed.targets import PlacedTargets


@dataclass(frozen=True, eq=False)
class EvaluationTargets:
    """Where the windows of a batch lie in the recordings of a set."""

    recordings: RecordingSet
    windows: PlacedTargets


def stitch(
    outputs: Iterable[tuple[TimeAttentionOutput, EvaluationTargets]],
) -> tuple[RecordingResult, ...]:
    """The recordings of a set, in its order, from the outputs for all of their windows.

    A frame's probability is the greatest of those of the windows that it lies in. The segment-wise
    logits must have a value for each frame of a window, as those of a whole network do. Raises
    ValueError if there are no windows.
    """
    canvas: _Canvas | None = None
    for output, targets in outputs:
        canvas = canvas or _Canvas(targets.recordings)
        canvas.take_in(output, targets.windows)
    if canvas is None:
        raise ValueError("no batches to measure")
    return canvas.results()


class _Canvas:
    """What is known so far of each recording."""

    def __init__(self, recordings: RecordingSet) -> None:
        self.recordings = recordings
        self.probabilities = [
            np.zeros(item.labels_KT.shape, np.float32) for item in recordings.recordings
        ]
        self.scores: list[list[np.ndarray]] = [[] for _ in recordings.recordings]
        self.labels: list[list[np.ndarray]] = [[] for _ in recordings.recordings]

    def take_in(self, output: TimeAttentionOutput, windows: PlacedTargets) -> None:
        """Lay the windows of a batch over their recordings."""
        probability_NKW = output.segmentwise_NKT.float().sigmoid().cpu().numpy()
        if (values := probability_NKW.shape[2]) != windows.window:
            raise ValueError(f"{values} values for {windows.window} frames of a window")
        places = torch.stack([windows.recording_N, windows.start_N, windows.valid_N], 1).tolist()
        for position, (recording, start, valid) in enumerate(places):
            window_KW = probability_NKW[position, :, :valid]
            known_KW = self.probabilities[recording][:, start : start + valid]
            np.maximum(known_KW, window_KW, out=known_KW)
            self.scores[recording].append(window_KW.max(axis=1))
            self.labels[recording].append(windows.labels_NK[position].numpy())

    def results(self) -> tuple[RecordingResult, ...]:
        """The recordings, in the set's order. Raises ValueError for one without windows."""
        silent = [
            item.id
            for item, seen in zip(self.recordings.recordings, self.scores, strict=True)
            if not seen
        ]
        if silent:
            raise ValueError(f"no windows of the recordings {', '.join(silent)}")
        return tuple(
            RecordingResult(
                id=item.id,
                probability_KT=self.probabilities[position],
                window_scores_NK=np.stack(self.scores[position]),
                window_labels_NK=np.stack(self.labels[position]),
                labels_KT=item.labels_KT,
                events=labelled_events(item.events, self.recordings.classes),
                complete=self.recordings.complete,
            )
            for position, item in enumerate(self.recordings.recordings)
        )

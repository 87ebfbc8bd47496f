"""Classes and events of recordings, from the same windows as in evaluation."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blocks import TimeAttentionOutput
from nas.data.audio.dataset import Recording, RecordingSet
from nas.data.audio.decode import UnreadableAudio
from nas.data.audio.mel_file import MelMaker
from nas.data.audio.preprocess import MelPreprocess, Score
from nas.errors import NasError
from nas.metrics.events import decode_events
from nas.spec.architecture import ArchitectureSpec
from nas.tasks.base import Prediction, Thresholds
from nas.tasks.outputs import NO_NUMBERS, NotFinite, require_finite
from nas.tasks.sed.batches import evaluation_batches
from nas.tasks.sed.probability import frame_probabilities
from nas.tasks.sed.requirements import mel_preprocess
from nas.tasks.sed.results import RecordingResult, labelled_events
from nas.tasks.sed.targets import WindowBatch


@dataclass(frozen=True, eq=False)
class EvaluationTargets:
    """Where the windows of a batch lie in the recordings of a set."""

    recordings: RecordingSet
    windows: WindowBatch


def stitch(
    outputs: Iterable[tuple[TimeAttentionOutput, EvaluationTargets]], score: Score
) -> tuple[RecordingResult, ...]:
    """The recordings of a set, in its order, from the outputs for all of their windows.

    Probabilities are made as `score` says (see `frame_probabilities`). A frame's probability is the
    greatest of those of the windows that it lies in. The segment-wise logits must have a value for
    each frame of a window, as those of a whole network do. Raises ValueError if there are no
    windows.
    """
    canvas: _Canvas | None = None
    for output, targets in outputs:
        canvas = canvas or _Canvas(targets.recordings, score)
        canvas.take_in(output, targets.windows)
    if canvas is None:
        raise ValueError("no batches to measure")
    return canvas.results()


class _Canvas:
    """Accumulates the windows' outputs by recording."""

    def __init__(self, recordings: RecordingSet, score: Score) -> None:
        self.recordings = recordings
        self.score = score
        self.probabilities = [
            np.zeros(item.labels_KT.shape, np.float32) for item in recordings.recordings
        ]
        self.scores: list[list[np.ndarray]] = [[] for _ in recordings.recordings]
        self.labels: list[list[np.ndarray]] = [[] for _ in recordings.recordings]

    def take_in(self, output: TimeAttentionOutput, windows: WindowBatch) -> None:
        """Add the windows of a batch to their recordings."""
        if (values := output.segmentwise_NKT.shape[2]) != windows.window:
            raise ValueError(f"{values} values for {windows.window} frames of a window")
        found_NKW = frame_probabilities(output, self.score, windows.valid_N)
        probability_NKW = found_NKW.cpu().numpy()
        rows = torch.stack([windows.recording_N, windows.start_N, windows.valid_N], 1).tolist()
        for position, (recording, start, valid) in enumerate(rows):
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
                timed=self.recordings.timed,
            )
            for position, item in enumerate(self.recordings.recordings)
        )


EVENT_COLUMNS = ("class", "onset_s", "offset_s", "score")
"""Keys of an event in predictions."""


def predict_recordings(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    files: Sequence[Path],
    device: torch.device,
    thresholds: Thresholds,
) -> Iterator[Prediction]:
    """`scores` by class and `events` of each recording, in order, one recording at a time.

    A score is the greatest probability of a class in any frame; an event lasts while the class is
    at its threshold or above, with the greatest probability in it as its score. Raises NasError
    where a class has no threshold.
    """
    untold = [name for name in architecture.classes if name not in thresholds]
    if untold:
        raise NasError(
            f"no threshold for {', '.join(untold)}: the run's folder keeps them in thresholds.yaml",
            key="thresholds",
        )
    if architecture.preprocess is None:
        raise NasError("does not say how its spectrograms were made", key="preprocess")
    preprocess = mel_preprocess(architecture.preprocess)
    if not preprocess.says_normalisation:
        raise NasError("is not said; was it trained?", key="preprocess.mean")
    make_mel = MelMaker(preprocess, architecture.input.height)
    for path in files:
        try:
            mel_FT = make_mel(path)
        except UnreadableAudio as error:
            yield Prediction(str(path), error=str(error))
            continue
        labels_KT = np.zeros((len(architecture.classes), mel_FT.shape[1]), np.int8)
        recording = Recording(path.stem, str(path), mel_FT, labels_KT, events=())
        try:
            result = _result(network, architecture, preprocess, recording, device)
        except NotFinite:
            yield Prediction(str(path), error=NO_NUMBERS)
            continue
        yield Prediction(str(path), _values(result, architecture, preprocess, thresholds))


def _result(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    preprocess: MelPreprocess,
    recording: Recording,
    device: torch.device,
) -> RecordingResult:
    recordings = RecordingSet((recording,), architecture.classes, complete=False)
    batches = evaluation_batches(recordings, preprocess, architecture.input, device)
    (result,) = stitch(
        ((_finite(network(x)), EvaluationTargets(recordings, at)) for x, at in batches),
        preprocess.score,
    )
    return result


def _finite(outputs: TimeAttentionOutput) -> TimeAttentionOutput:
    """The outputs. Raises NotFinite for NaN or infinity in them."""
    require_finite(outputs, "windows")
    return outputs


def _values(
    result: RecordingResult,
    architecture: ArchitectureSpec,
    preprocess: MelPreprocess,
    thresholds: Thresholds,
) -> dict[str, Any]:
    classes, frame_s = architecture.classes, preprocess.frame_s
    thresholds_K = [thresholds[name] for name in classes]
    # The last frame is centred on the recording's end.
    end_s = (result.probability_KT.shape[1] - 1) * frame_s
    events = []
    for event in decode_events(result.probability_KT, thresholds_K, frame_s):
        first, end = round(event.onset_s / frame_s), round(event.offset_s / frame_s)
        score = float(result.probability_KT[event.class_index, first:end].max())
        events.append(
            {
                "class": classes[event.class_index],
                "onset_s": round(event.onset_s, 3),
                "offset_s": round(min(event.offset_s, end_s), 3),
                "score": score,
            }
        )
    scores = dict(zip(classes, result.scores_K.tolist(), strict=True))
    return {"scores": scores, "events": sorted(events, key=lambda event: event["onset_s"])}

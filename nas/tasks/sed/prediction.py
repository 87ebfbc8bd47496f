"""Classes and events of recordings, from the very windows that evaluation would see."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nas.data.audio import UnreadableAudio
from nas.data.mel_maker import MelMaker
from nas.data.recordings import Recording, RecordingSet
from nas.errors import NasError
from nas.metrics.events import decode_events
from nas.spec.architecture import ArchitectureSpec
from nas.spec.preprocess import MelPreprocess
from nas.tasks.base import Prediction, Thresholds
from nas.tasks.sed.batches import evaluation_batches
from nas.tasks.sed.requirements import mel_preprocess
from nas.tasks.sed.results import RecordingResult
from nas.tasks.sed.stitching import EvaluationTargets, stitch

EVENT_COLUMNS = ("class", "onset_s", "offset_s", "score")
"""What is said of an event."""


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
        result = _result(network, architecture, preprocess, recording, device)
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
    (result,) = stitch((network(x), EvaluationTargets(recordings, at)) for x, at in batches)
    return result


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

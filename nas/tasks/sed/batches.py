"""Batches of windows of spectrograms for training and evaluation.

N windows, C channels, F bands, W frames of a window, K classes.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from nas.data.audio.augment import SpectrogramAugment, SpectrogramAugmentSpec
from nas.data.audio.dataset import RecordingSet
from nas.data.audio.mel import FLOOR_DB
from nas.data.audio.preprocess import MelPreprocess
from nas.data.batches import train_batch_count
from nas.data.sampler import build_sampler
from nas.spec.architecture import InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.sed.targets import Mix, WindowBatch, WindowTargets
from nas.tasks.sed.windows import (
    KnownWindows,
    WindowStart,
    known_windows,
    least_call_frames,
    window_labels,
    window_starts,
)

EVALUATION_BATCH = 32
"""Batch size of evaluation."""


def steps_per_epoch(
    recordings: RecordingSet,
    preprocess: MelPreprocess,
    input_spec: InputSpec,
    training: TrainingSpec,
) -> int:
    """Number of batches of `train_batches` in an epoch."""
    windows = _windows(recordings, preprocess, input_spec)
    return train_batch_count(windows, training.batch_size)


def train_batches(
    recordings: RecordingSet,
    preprocess: MelPreprocess,
    input_spec: InputSpec,
    training: TrainingSpec,
    generator: torch.Generator,
    device: torch.device,
) -> Iterator[tuple[Tensor, WindowTargets]]:
    """One epoch of augmented windows with a known label, drawn by `training.sampler`.

    A window begins up to `time_shift` of its length off its start on the grid (see
    `KnownWindows.moved`). The sampler evens out the rarest classes of the windows, those without a
    positive being one group more. A last batch of one window is dropped. `training.augment` None
    changes nothing. `generator` is of the CPU; on another device the same draws give other noise
    and masks. Raises NasError where too little is known.
    """
    augment = training.augment
    if not isinstance(augment, SpectrogramAugmentSpec | None):
        raise ValueError(f"augmentation of windows, not {augment!r}")
    windows = _windows(recordings, preprocess, input_spec)
    order = iter(build_sampler(training.sampler, windows.group_N, generator))
    mean_db, _ = preprocess.normalisation
    largest_shift = 0 if augment is None else round(augment.time_shift * windows.window)
    while len(chosen := list(islice(order, training.batch_size))) > 1:
        starts = windows.moved(chosen, largest_shift, generator)
        mel_NFW = _gather(recordings, starts, input_spec).to(device).float()
        labels_NK = torch.from_numpy(np.stack([windows.labels_at(at) for at in starts]))
        mix = None
        if augment is not None:
            # Random numbers are drawn on the windows' device, so that no noise is copied to it.
            own = torch.Generator(device).manual_seed(_seed(generator))
            mel_NFW = SpectrogramAugment(augment, mean_db)(mel_NFW, own)
            mix = _draw_mix(augment, len(starts), generator, device)
        if mix is not None and mix.level == "input":
            mel_NFW = mix(mel_NFW)
        targets = WindowTargets(labels_NK.float().to(device), mix)
        yield _network_inputs(mel_NFW, preprocess, input_spec), targets


def evaluation_batches(
    recordings: RecordingSet,
    preprocess: MelPreprocess,
    input_spec: InputSpec,
    device: torch.device,
) -> Iterator[tuple[Tensor, WindowBatch]]:
    """All windows of the recordings' grids once, in order, not augmented."""
    window = input_spec.width
    starts = [
        (position, start)
        for position, recording in enumerate(recordings.recordings)
        for start in window_starts(recording.frames, window, preprocess.overlap_frames)
    ]
    for first in range(0, len(starts), EVALUATION_BATCH):
        chosen = starts[first : first + EVALUATION_BATCH]
        mel_NFW = _gather(recordings, chosen, input_spec).to(device).float()
        targets = _window_batch(recordings, chosen, window, preprocess.frame_s)
        yield _network_inputs(mel_NFW, preprocess, input_spec), targets


def _windows(
    recordings: RecordingSet, preprocess: MelPreprocess, input_spec: InputSpec
) -> KnownWindows:
    overlap, frame_s = preprocess.overlap_frames, preprocess.frame_s
    return known_windows(recordings, input_spec.width, overlap, frame_s)


def _gather(
    recordings: RecordingSet, starts: Sequence[WindowStart], input_spec: InputSpec
) -> Tensor:
    """mel_NFW float16, what lies past a recording's end filled with the floor; fresh memory."""
    window = input_spec.width
    mel_NFW = np.empty((len(starts), input_spec.height, window), dtype=np.float16)
    for row, (position, start) in zip(mel_NFW, starts, strict=True):
        cut = recordings.recordings[position].mel_FT[:, start : start + window]
        row[:, : cut.shape[1]] = cut
        row[:, cut.shape[1] :] = FLOOR_DB
    return torch.from_numpy(mel_NFW)


def _window_batch(
    recordings: RecordingSet, starts: Sequence[WindowStart], window: int, frame_s: float
) -> WindowBatch:
    least_frames, complete = least_call_frames(frame_s), recordings.complete
    labels, valid = [], []
    for position, start in starts:
        recording = recordings.recordings[position]
        labels.append(
            window_labels(
                recording.labels_KT, start, window, complete=complete, least_frames=least_frames
            )
        )
        valid.append(min(window, recording.frames - start))
    recording_N, start_N = torch.tensor(starts).T
    labels_NK = torch.from_numpy(np.stack(labels))
    return WindowBatch(recording_N, start_N, torch.tensor(valid), labels_NK, window)


def _draw_mix(
    augment: SpectrogramAugmentSpec, windows: int, generator: torch.Generator, device: torch.device
) -> Mix | None:
    """A weight from Beta(alpha, alpha) and a permutation, one of each for the whole batch."""
    if augment.mixup == "none":
        return None
    draws = np.random.default_rng(_seed(generator))
    weight = float(draws.beta(augment.mixup_alpha, augment.mixup_alpha))
    permutation_N = torch.randperm(windows, generator=generator).to(device)
    return Mix(weight, permutation_N, augment.mixup)


def _seed(generator: torch.Generator) -> int:
    """Seed for another generator."""
    return int(torch.randint(2**62, (), generator=generator))


def _network_inputs(mel_NFW: Tensor, preprocess: MelPreprocess, input_spec: InputSpec) -> Tensor:
    """x_NCHW normalised, float32, channels_last; the same plane in each channel."""
    mean_db, std_db = preprocess.normalisation
    plane_N1HW = mel_NFW.sub_(mean_db).div_(std_db)[:, None]
    x_NCHW = plane_N1HW.expand(-1, input_spec.channels, -1, -1)
    return x_NCHW.contiguous(memory_format=torch.channels_last)

"""The usual way to read recordings for training, which ours is measured against.

A window is an item of a Dataset: librosa loads and resamples its stretch of the file, makes its
log-mel spectrogram, and DataLoader workers collate them; all of it anew in each epoch. Nothing is
augmented.
"""

from collections.abc import Iterable
from pathlib import Path

import librosa
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from benchmarks.usual_loader import usual_loader
from nas.data.audio.dataset import AudioData
from nas.data.audio.mel import FLOOR_DB
from nas.data.audio.preprocess import MelPreprocess
from nas.spec.definition import InputSpec
from nas.tasks.base import Batch
from nas.tasks.sed.targets import WindowTargets
from nas.tasks.sed.windows import known_windows

Item = tuple[Tensor, Tensor]


class UsualWindows(Dataset[Item]):
    """The windows of a training split with a known label: x_CHW and labels_K of each."""

    def __init__(self, data: AudioData, folder: Path) -> None:
        self._preprocess, self._size = data.preprocess, data.input
        train, overlap = data.split("train"), data.preprocess.overlap_frames
        known = known_windows(train, data.input.width, overlap, data.preprocess.frame_s)
        self._windows = [
            (folder / train.recordings[position].path, start, known.labels_at((position, start)))
            for position, start in known.starts
        ]

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> Item:
        path, start, labels_K = self._windows[index]
        mel_FW = usual_window(path, start, self._preprocess, self._size)
        mean_db, std_db = self._preprocess.normalisation
        plane_HW = (torch.from_numpy(mel_FW) - mean_db) / std_db
        return plane_HW.expand(self._size.channels, -1, -1), torch.from_numpy(labels_K).float()


def usual_window(path: Path, start: int, preprocess: MelPreprocess, size: InputSpec) -> np.ndarray:
    """mel_FW in dB of the window that begins at frame `start`, by librosa alone."""
    samples, _ = librosa.load(
        path,
        sr=preprocess.sample_rate_hz,
        offset=start * preprocess.frame_s,
        duration=size.width * preprocess.frame_s,
    )
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=preprocess.sample_rate_hz,
        n_fft=preprocess.fft_samples,
        hop_length=preprocess.hop_samples,
        n_mels=size.height,
        fmin=preprocess.low_hz,
        fmax=preprocess.high_hz,
    )
    mel_FT = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None)[:, : size.width]
    missing = size.width - mel_FT.shape[1]
    return np.pad(mel_FT, ((0, 0), (0, missing)), constant_values=FLOOR_DB)


def usual_windows(data: AudioData, folder: Path, batch_size: int, workers: int) -> Iterable[Batch]:
    """Shuffled batches; `folder` is the one that the recordings' paths are relative to."""
    return usual_loader(UsualWindows(data, folder), _collated, batch_size, workers)


def _collated(items: list[Item]) -> tuple[Tensor, WindowTargets]:
    x_NCHW = torch.stack([x for x, _ in items])
    return x_NCHW, WindowTargets(torch.stack([labels for _, labels in items]), None)

"""The usual way reads the same windows as ours, and the program times both."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks.audio_throughput import main
from benchmarks.epoch_trainer import CPU
from benchmarks.usual_audio import UsualWindows, usual_window, usual_windows
from nas.data.audio.dataset import AudioData
from nas.data.audio.load import load_recordings
from nas.data.dataset import DataRequest
from nas.spec.definition import InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.sed.task import SedTask
from tests.data.audio_set import BANDS, PREPROCESS, write_set

SIZE = InputSpec(channels=1, height=BANDS, width=32)
ARCHITECTURE = f"""\
name: small
task: sed
input: {{channels: 1, height: {BANDS}, width: 32}}
head: attention
preprocess:
  {{kind: mel, sample_rate_hz: 8000, fft_samples: 512, hop_samples: 200, overlap_frames: 4}}
layers:
  - {{block: Conv, out: 8, kernel: 3, stride: 2}}
"""
# librosa's way to read files imports modules that Python 3.13 drops.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(aifc|audioop|sunau).*:DeprecationWarning"),
    pytest.mark.slow,  # librosa compiles its functions
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sounds")
    names = [f"r{number}" for number in range(8)]
    write_set(root, [(name, position % 2, 0.1, 0.9) for position, name in enumerate(names)])
    return root


@pytest.fixture(scope="module")
def data(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AudioData:
    cache = tmp_path_factory.mktemp("cache")
    audio = load_recordings(
        DataRequest(folder, SIZE, PREPROCESS, splits=("train",), cache_dir=cache)
    )
    return SedTask().measure_normalisation(audio)


def test_a_window_is_that_of_our_spectrogram(folder: Path, data: AudioData) -> None:
    item = data.split("train").recordings[0]
    for start, width in ((0, 30), (5, 30), (28, 13)):
        found = usual_window(folder / item.path, start, PREPROCESS, SIZE)
        assert found.shape == (BANDS, 32)
        inner = slice(2, width - 2)  # it hears nothing beyond its own ends
        ours = item.mel_FT[:, start : start + width]
        np.testing.assert_allclose(found[:, inner], ours[:, inner], atol=0.05)
    np.testing.assert_array_equal(found[:, 14:], -100)


def test_an_epoch_holds_the_same_windows(folder: Path, data: AudioData) -> None:
    training = SedTask().resolved(TrainingSpec(batch_size=2))
    ours = SedTask().train_batches(data, training, torch.Generator().manual_seed(0), CPU)
    usual = usual_windows(data, folder, batch_size=2, workers=0)
    assert sum(len(x) for x, _ in usual) == sum(len(x) for x, _ in ours)
    x_CHW, labels_K = UsualWindows(data, folder)[0]
    assert x_CHW.shape == (1, BANDS, 32)
    labels_KT = data.split("train").recordings[0].labels_KT
    assert labels_K.tolist() == (labels_KT > 0).any(axis=1).tolist()


def test_the_program_prints_both_and_their_ratio(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(ARCHITECTURE)
    arguments = ["--data", str(folder), "--arch", str(tmp_path / "small.yaml"), "--batch-size", "2"]
    done = CliRunner().invoke(main, [*arguments, "--workers", "0", "--repeats", "1"])
    assert done.exit_code == 0, done.output
    for part in ("usual training", "our training", "our spectrograms, once", "4 recordings"):
        assert part in done.output
    assert "ratio of wall clock, spectrograms and epochs, 12: " in done.output

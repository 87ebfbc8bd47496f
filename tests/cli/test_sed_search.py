"""A search for sound events as it is typed, on a few seconds of generated recordings."""

import shutil
from pathlib import Path

import pytest
import yaml

from nas.cli.search import search
from nas.cli.train import train
from nas.errors import NasError

from ..search.conftest import put_workers_here
from .conftest import invoke

SPACE = """
name: ears
task: sed
input: {channels: 1, height: 32, width: 128}
classes: 3
head: attention
layers:
  - {name: stem, block: Conv, out: [4, 8], kernel: [3, 5], stride: 2, activation: ReLU}
  - {name: m1, block: Conv, out: [8, 16], kernel: 3, stride: [2, 2x1], activation: ReLU}
preprocess: {kind: mel, sample_rate_hz: 16000, fft_samples: 512, hop_samples: 256,
             overlap_frames: 28}
search: {trials: 2, sampler: nsga2, stop: none, finalists: 0}
training: {epochs: 2, batch_size: 8}
"""
FAST = ("--device", "cpu", "--threads", 1)


def test_searches_and_trains_what_it_chose(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_workers_here(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("ears.yaml").write_text(SPACE)
    found = invoke(
        search, "--space", "ears.yaml", "--task", "sed", "--data", recordings, "--out", "found",
        "--workers", 1, *FAST,
    )  # fmt: skip
    assert found.exception is None, found.output
    assert "MACs per audio second)" in found.output
    assert "MACs per audio second)" in Path("found/report.html").read_text()
    best = yaml.safe_load(Path("found/best.yaml").read_text())
    assert len(best["classes"]) == 3
    assert best["provenance"]["macs_per_audio_second"] > 0
    settings = yaml.safe_load(Path("found/settings.yaml").read_text())
    assert settings["training"]["augment"]["kind"] == "spectrogram"
    shutil.rmtree(tmp_path / "found" / "tensorboard")
    final = invoke(train, "--arch", "found/best.yaml", "--epochs", 1, "--batch-size", 8, *FAST)
    assert final.exception is None, final.output
    assert final.output.startswith(f"Data: {recordings}")


def test_a_search_of_another_task_or_in_rounds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ears.yaml").write_text(SPACE)
    other = invoke(search, "--space", "ears.yaml", "--task", "image").exception
    assert str(other).startswith(
        "ears.yaml:3 task: this space is of the task sed, and serves no image: "
    )
    unknown = invoke(search, "--space", "ears.yaml", "--task", "sad").exception
    assert "--task: no task 'sad'; did you mean 'sed'?" in str(unknown)
    for more, place in (
        ("pseudo_labelling: {rounds: 2}", "training.pseudo_labelling"),
        ("loss: {kind: focal}", "training.loss.kind"),
    ):
        Path("ears.yaml").write_text(SPACE.replace("batch_size: 8", f"batch_size: 8, {more}"))
        refused = invoke(search, "--space", "ears.yaml").exception
        assert isinstance(refused, NasError)
        assert str(refused).startswith(f"ears.yaml:13 {place}:"), refused

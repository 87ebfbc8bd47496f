"""The sed task as training and search meet it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from blocks import TimeAttentionOutput
from nas.data.audio.preprocess import MelPreprocess
from nas.data.augment import AugmentSpec
from nas.data.dataset import DataRequest
from nas.data.image.preprocess import ImagePreprocess
from nas.data.synthetic.audio import GeneratedAudio, write_recordings
from nas.errors import NasError
from nas.model.build import build_network
from nas.spec.architecture import ArchitectureSpec, InputSpec, parse_architecture
from nas.spec.space import parse_space
from nas.spec.training import TrainingSpec
from nas.tasks.image.losses import LossSpec
from nas.tasks.registry import TASKS, task_named
from nas.tasks.sed.prediction import stitch
from nas.tasks.sed.task import SedTask

TASK = SedTask()
CPU = torch.device("cpu")
AT_HALF = {"a": 0.5, "b": 0.5, "c": 0.5}
MEL = (
    "preprocess: {kind: mel, sample_rate_hz: 8000, fft_samples: 256, hop_samples: 128, "
    "overlap_frames: 14}"
)
EAR = f"""
name: ear
task: sed
input: {{channels: 1, height: 32, width: 64}}
classes: [a, b, c]
head: attention
layers:
  - {{block: Conv, out: 8, kernel: 3, stride: 2}}
  - {{block: Conv, out: 8, kernel: 3, stride: 2x1}}
{MEL}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("calls")
    write_recordings(
        path, GeneratedAudio(train_recordings=12, test_recordings=3, duration_s=5.0, classes=3)
    )
    return path


def ear(**changes: str) -> ArchitectureSpec:
    text = EAR
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return parse_architecture(text)


def test_it_is_registered() -> None:
    assert isinstance(task_named("sed"), SedTask)
    assert set(TASKS) >= {"image", "sed"}


def test_the_training_split_has_mean_0_and_std_1(folder: Path) -> None:
    data = TASK.load_data(DataRequest(folder, ear().input, ear().preprocess))
    values = np.concatenate(
        [item.mel_FT.astype(np.float64).ravel() for item in data.split("train").recordings]
    )
    assert data.preprocess.mean == pytest.approx(values.mean(), abs=1e-3)
    assert data.preprocess.std == pytest.approx(values.std(), abs=1e-3)
    given = MelPreprocess(**{**ear().preprocess.model_dump(), "mean": -30.0, "std": 7.0})
    kept = TASK.load_data(DataRequest(folder, ear().input, given, splits=("validation",)))
    assert (kept.preprocess.mean, kept.preprocess.std) == (-30.0, 7.0)


def test_macs_are_told_per_second_of_audio() -> None:
    # 64 frames that share 14 with the next window: one window each 50 frames of 16 ms.
    facts = TASK.cost_facts(ear(), 1_000_000)
    assert facts == {"macs_per_audio_second": pytest.approx(1_000_000 / 0.8)}


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"head: attention": "head: linear"}, "head", "the heads attention, cbam_attention"),
        ({"channels: 1": "channels: 2"}, "input.channels", "2 is not allowed"),
        ({"overlap_frames: 14": "overlap_frames: 64"}, "preprocess.overlap_frames", "share 64"),
        ({MEL: "preprocess: {turn_portrait: true}"}, "preprocess.kind", "'image' is not allowed"),
        ({"stride: 2}": "stride: 8}"}, "layers", "8 time steps"),
    ],
)
def test_networks_that_cannot_serve_are_named(
    changes: dict[str, str], key: str, words: str
) -> None:
    TASK.check_architecture(ear())
    with pytest.raises(NasError, match=words) as caught:
        TASK.check_architecture(ear(**changes))
    assert caught.value.key == key


def test_a_space_is_refused_at_the_line_that_is_wrong() -> None:
    assert "keeps 32 time steps" in TASK.check_space(parse_space(EAR))
    with pytest.raises(NasError, match=r"space.yaml:6 head: 'linear' is not allowed"):
        TASK.check_space(parse_space(EAR.replace("head: attention", "head: linear")))
    with pytest.raises(NasError, match=r"space.yaml:8 .* 8 time steps"):
        TASK.check_space(parse_space(EAR.replace("stride: 2}", "stride: [2, 8]}")))


def test_settings_of_pictures_are_refused_and_the_own_ones_filled_in() -> None:
    resolved = TASK.resolved(TrainingSpec())
    assert resolved.loss is not None
    assert resolved.loss.kind == "known_bce"
    assert resolved.augment is not None
    assert resolved.augment.kind == "spectrogram"
    for wrong in (TrainingSpec(loss=LossSpec()), TrainingSpec(augment=AugmentSpec())):
        with pytest.raises(NasError, match="the sed task has"):
            TASK.resolved(wrong)
    with pytest.raises(NasError, match="'image' is not allowed"):
        TASK.load_data(
            DataRequest(None, InputSpec(channels=1, height=32, width=64), ImagePreprocess())
        )


def test_predictions_are_what_evaluation_sees(folder: Path) -> None:
    """Scores of a file against the probabilities that measuring its split stitches together."""
    architecture = ear()
    data = TASK.load_data(
        DataRequest(folder, architecture.input, architecture.preprocess, splits=("train", "test"))
    )
    architecture = parse_architecture(EAR)
    prepared = ArchitectureSpec(
        **{**vars(architecture), "preprocess": data.preprocess, "classes": data.classes}
    )
    torch.manual_seed(0)
    network = build_network(prepared).eval()
    with torch.inference_mode():
        files = [folder / item.path for item in data.split("test").recordings]
        predictions = list(
            TASK.predict(network, prepared, files, CPU, dict.fromkeys(data.classes, 0.5))
        )
        outputs = [
            (network(x), targets) for x, targets in TASK.evaluation_batches(data, "test", CPU)
        ]
    results = stitch(outputs, data.preprocess.score)
    for prediction, result in zip(predictions, results, strict=True):
        scores = prediction.values["scores"]
        assert list(scores) == list(data.classes)
        np.testing.assert_allclose(list(scores.values()), result.scores_K, rtol=1e-5)
        seconds = (result.probability_KT.shape[1] - 1) * data.preprocess.frame_s
        for event in prediction.values["events"]:
            assert 0 <= event["onset_s"] < event["offset_s"] <= seconds + 1e-3
            assert event["score"] >= 0.5
            assert event["score"] <= scores[event["class"]] + 1e-6


def test_events_last_while_their_class_is_at_its_threshold(tmp_path: Path) -> None:
    """A stand-in network that hears one class in frames 10 to 29."""

    def hears(x_NCHW: torch.Tensor) -> TimeAttentionOutput:
        logits_NKW = torch.full((len(x_NCHW), 3, 64), -9.0)
        logits_NKW[0, 1, 10:30] = 1.0
        return TimeAttentionOutput(logits_NKW.mean(2), logits_NKW)

    file = tmp_path / "minute.wav"
    soundfile.write(file, np.zeros(3 * 8_000, np.float32), 8_000)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    architecture = ear(**{"overlap_frames: 14": "overlap_frames: 14, mean: -40.0, std: 20.0"})
    heard, failed = TASK.predict(hears, architecture, [file, broken], CPU, {**AT_HALF, "b": 0.7})
    (event,) = heard.values["events"]
    assert event["class"] == "b"
    assert (event["onset_s"], event["offset_s"]) == (0.16, 0.48)  # frames of 16 ms
    assert failed.error is not None
    assert failed.file == str(broken)
    (none,) = TASK.predict(hears, architecture, [file], CPU, {**AT_HALF, "b": 0.8})
    assert none.values["events"] == []
    with pytest.raises(NasError, match="no threshold for a, c"):
        next(TASK.predict(hears, architecture, [file], CPU, {"b": 0.8}))
    with pytest.raises(NasError, match=r"preprocess\.mean: .* was it trained"):
        next(TASK.predict(hears, ear(), [file], CPU, AT_HALF))


def test_a_ready_made_spectrogram_is_predicted_as_a_recording_is(tmp_path: Path) -> None:
    mel_FT = np.random.default_rng(0).normal(-50, 9, (32, 200)).astype(np.float16)
    np.savez(tmp_path / "frog.npz", mel=mel_FT)
    (tmp_path / "notes.txt").write_text("none")
    (file,) = TASK.find_files(tmp_path)
    assert file == tmp_path / "frog.npz"
    seen = []

    def looks(x_NCHW: torch.Tensor) -> TimeAttentionOutput:
        seen.append(x_NCHW)
        logits_NKW = torch.zeros(len(x_NCHW), 3, 64)
        return TimeAttentionOutput(logits_NKW.mean(2), logits_NKW)

    architecture = ear(**{"overlap_frames: 14": "overlap_frames: 14, mean: -50.0, std: 10.0"})
    (prediction,) = TASK.predict(looks, architecture, [file], CPU, AT_HALF)
    assert prediction.values["scores"] == {"a": 0.5, "b": 0.5, "c": 0.5}
    first_FW = seen[0][0, 0].numpy() * 10 - 50
    np.testing.assert_allclose(first_FW, mel_FT[:, :64], atol=1e-4)


def test_windows_of_data_that_are_not_measured_are_refused(folder: Path) -> None:
    data = TASK.load_data(DataRequest(folder, ear().input, ear().preprocess))
    unmeasured = replace(data, preprocess=ear().preprocess)
    assert not unmeasured.preprocess.says_normalisation
    with pytest.raises(ValueError, match="not measured yet"):
        next(TASK.evaluation_batches(unmeasured, "train", CPU))

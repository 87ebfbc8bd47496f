"""Sound event detection as it is typed, on a few seconds of generated recordings."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from click.testing import Result

from nas.cli.evaluate import evaluate
from nas.cli.export import export
from nas.cli.macs import macs
from nas.cli.predict import predict
from nas.cli.train import train
from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.tasks.registry import task_named
from nas.train.loop import evaluate as measure
from nas.train.trained import load_trained

from .conftest import invoke
from .exported import agree, alone

PREPROCESS = """
preprocess: {kind: mel, sample_rate_hz: 16000, fft_samples: 512, hop_samples: 256,
             overlap_frames: 28}
"""
ARCHITECTURE = f"""
name: ear
task: sed
input: {{channels: 1, height: 32, width: 128}}
head: attention
layers:
  - {{block: Conv, out: 8, kernel: 3, stride: 2, activation: ReLU}}
  - {{block: Conv, out: 16, kernel: 3, stride: 2, activation: ReLU}}
  - {{block: Conv, out: 16, kernel: 3, stride: 2x1, activation: ReLU}}
{PREPROCESS}
"""
FAST = ("--device", "cpu", "--threads", 1)
ROUNDS = ("--rounds", 2, "--threshold", 0.6, "--epochs", 3, "--batch-size", 8)


@pytest.fixture(scope="module")
def arch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("arch") / "ear.yaml"
    file.write_text(ARCHITECTURE)
    return file


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, recordings: Path, arch: Path) -> Path:
    """A finished run of two rounds."""
    folder = tmp_path_factory.mktemp("runs") / "ear"
    result = trained(arch, recordings, folder, *ROUNDS)
    assert result.exception is None, result.output
    return folder


def trained(arch: Path, data: Path, out: Path, *flags: object) -> Result:
    return invoke(train, "--arch", arch, "--data", data, "--out", out, *flags, *FAST)


def table(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(file.read_text().splitlines()))


def test_rounds_are_counted_and_their_labels_kept(run: Path) -> None:
    values = json.loads((run / "metrics.json").read_text())
    first, second = values["rounds"]
    rows = table(run / "round-1" / "added.csv")
    assert len(rows) == sum(first["added"].values())
    assert second["added"] is None
    kept = values["rounds"][values["kept_round"] - 1]["validation"]
    assert kept["macro_f1"] == values["validation"]["macro_f1"]
    assert values["macs_per_audio_second"] == pytest.approx(values["macs"] / (100 * 256 / 16_000))
    log = (run / "log.txt").read_text()
    assert "round 2/2  epoch 3/3" in log
    assert f"{len(rows)} labels added" in log
    settings = yaml.safe_load((run / "training.yaml").read_text())
    assert settings["pseudo_labelling"] == {"rounds": 2, "threshold": 0.6}
    assert settings["loss"]["kind"] == "known_bce"


def test_rounds_on_complete_labels_are_refused_before_anything_is_trained(
    recordings: Path, arch: Path, tmp_path: Path
) -> None:
    shutil.copytree(recordings, tmp_path / "complete")
    (tmp_path / "complete" / "train_fp.csv").unlink()
    result = trained(arch, tmp_path / "complete", tmp_path / "run", *ROUNDS)
    assert isinstance(result.exception, NasError)
    assert "training.pseudo_labelling: the labels of the training recordings are complete" in str(
        result.exception
    )
    assert "epoch" not in result.output
    assert not list((tmp_path / "run").glob("round-*"))


def test_the_test_split_meets_the_thresholds_of_validation(run: Path) -> None:
    values = json.loads((run / "metrics.json").read_text())
    kept = yaml.safe_load((run / "thresholds.yaml").read_text())
    assert values["test"]["thresholds"] == kept == values["validation"]["thresholds"]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_evaluate_gives_what_training_gave(run: Path, split: str) -> None:
    expected = json.loads((run / "metrics.json").read_text())[split]
    values = json.loads(invoke(evaluate, run, "--split", split, "--json").stdout)
    assert values == {"split": split, "data": values["data"], **expected}


def test_evaluate_prints_the_classes_and_what_is_measured_besides(run: Path) -> None:
    lines = invoke(evaluate, run).output.splitlines()
    assert lines[0].split() == ["class", "windows", "threshold", "precision", "recall", "F1"]
    assert len(lines) == 1 + 3 + 1 + 7 + 1 + 2
    assert lines[6].startswith("LWLRAP ")
    assert lines[-2].endswith("thresholds of the validation split")
    assert lines[-1].startswith("test macro-F1")


def test_predict_writes_scores_and_events(run: Path, recordings: Path, tmp_path: Path) -> None:
    out, files = tmp_path / "x.csv", sorted((recordings / "test").iterdir())
    result = invoke(predict, run, recordings / "test", "--format", "csv", "--out", out)
    assert result.exception is None, result.output
    rows = table(out)
    assert [row["file"] for row in rows] == [str(file) for file in files]
    scores = [float(value) for name, value in rows[0].items() if name.startswith("scores:")]
    assert len(scores) == 3
    assert all(0 < score < 1 for score in scores)
    thresholds = load_trained(run).thresholds
    for event in table(tmp_path / "x.events.csv"):
        assert 0 <= float(event["onset_s"]) < float(event["offset_s"]) < 5.1
        assert float(event["score"]) >= thresholds[event["class"]]


def test_a_broken_recording_is_named(run: Path, recordings: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"no sound")
    good = next((recordings / "test").iterdir())
    result = invoke(predict, run, broken, good, "--table", "events")
    assert result.exit_code == 1
    assert "1 of 2 files have no prediction" in result.output


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, recordings: Path, arch: Path) -> Path:
    """Another run on the same data."""
    folder = tmp_path_factory.mktemp("runs") / "other"
    result = trained(arch, recordings, folder, "--epochs", 2, "--seed", 1, "--batch-size", 8)
    assert result.exception is None, result.output
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, run: Path, other: Path) -> Path:
    """The ensemble of the two runs."""
    folder = tmp_path_factory.mktemp("runs") / "both"
    result = invoke(evaluate, run, "--with", other, "--save", folder)
    assert result.exception is None, result.output
    return folder


def test_the_mean_of_several_runs(
    run: Path, other: Path, both: Path, recordings: Path, tmp_path: Path
) -> None:
    file = next((recordings / "test").iterdir())
    alone = [json.loads(invoke(predict, folder, file).output)[0] for folder in (run, other)]
    mean = json.loads(invoke(predict, both, file).output)[0]
    # The greatest of the means over time: at most the mean of the greatest, at least half of one.
    for name, score in mean["scores"].items():
        parts = [item["scores"][name] for item in alone]
        assert max(parts) / 2 - 1e-5 <= score <= sum(parts) / 2 + 1e-5
    same = json.loads(invoke(evaluate, run, "--with", run, "--json").stdout)
    itself = json.loads(invoke(evaluate, run, "--json").stdout)
    assert same["lwlrap"] == pytest.approx(itself["lwlrap"])


def test_an_ensemble_keeps_thresholds_of_its_own(run: Path, other: Path, both: Path) -> None:
    typed = json.loads(invoke(evaluate, run, "--with", other, "--json").stdout)
    on_validation = invoke(evaluate, run, "--with", other, "--json", "--split", "validation")
    chosen = json.loads(on_validation.stdout)["thresholds"]
    kept = load_trained(both).thresholds
    assert kept == typed["thresholds"] == pytest.approx(chosen)
    assert json.loads(invoke(evaluate, both, "--json").stdout) == typed
    assert [member.run.resolve() for member in load_trained(both).members] == [run, other]


def test_a_mean_has_no_thresholds_before_they_are_chosen(run: Path, other: Path) -> None:
    refused = invoke(predict, run, run, "--with", other)
    assert isinstance(refused.exception, NasError)
    assert "nas evaluate RUN_DIR --with RUN_DIR --save FOLDER" in str(refused.exception)
    alone = invoke(evaluate, run, "--save", run / "new")
    assert isinstance(alone.exception, NasError)
    assert alone.exception.key == "--save"


def test_thresholds_are_never_chosen_on_the_test_split(
    run: Path, recordings: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "copy" / "thresholds.yaml").unlink()
    file = next((recordings / "test").iterdir())
    for command, more in (
        (evaluate, ()),
        (evaluate, ("--with", run)),
        (evaluate, ("--split", "validation")),
        (predict, (file,)),
    ):
        refused = invoke(command, tmp_path / "copy", *more)
        assert isinstance(refused.exception, NasError)
        assert "no thresholds.yaml" in str(refused.exception)
    whole = load_trained(run)
    task = task_named("sed")
    shape = whole.architecture.input, whole.architecture.preprocess
    data = task.load_data(DataRequest(recordings, *shape, splits=("test",)))
    with pytest.raises(ValueError, match="not chosen on the test split"):
        measure(whole.network, data, task, "test", device=whole.device)


def test_an_ensemble_s_file_is_checked(both: Path, tmp_path: Path) -> None:
    shutil.copytree(both, tmp_path / "copy")
    for text, says in (
        ("members: [a]\n", "at least two runs"),
        ("[a, b]\n", "at least two runs"),
        ("members: [a, 5]\n", "5 is no folder"),
        ("members: [a, b]\n", "no such folder"),
        (f"members: [{', '.join(['a'] * 300)}]\n", "300 networks; a mean is taken of at most 256"),
    ):
        (tmp_path / "copy" / "ensemble.yaml").write_text(text)
        with pytest.raises(NasError, match=says):
            load_trained(tmp_path / "copy")


def test_networks_of_other_inputs_have_no_mean(
    run: Path, recordings: Path, arch: Path, tmp_path: Path
) -> None:
    narrow = tmp_path / "narrow.yaml"
    narrow.write_text(arch.read_text().replace("width: 128", "width: 96"))
    result = trained(narrow, recordings, tmp_path / "run", "--epochs", 1, "--batch-size", 8)
    assert result.exception is None, result.output
    refused = invoke(evaluate, run, "--with", tmp_path / "run")
    assert isinstance(refused.exception, NasError)
    assert "differs in input" in str(refused.exception)


def test_a_run_that_may_have_learned_from_what_is_measured_is_no_member(
    run: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "other")
    file = tmp_path / "other" / "architecture.yaml"
    digest = yaml.safe_load(file.read_text())["provenance"]["split_digest"]
    assert digest
    file.write_text(file.read_text().replace(digest, "0123456789abcdef"))
    refused = invoke(evaluate, run, "--with", tmp_path / "other")
    assert isinstance(refused.exception, NasError)
    assert "split otherwise" in str(refused.exception)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("head: attention", "head: linear", ":5 head: 'linear' is not allowed"),
        ("overlap_frames: 28", "overlap_frames: 128", ":12 preprocess.overlap_frames: windows of"),
        ("channels: 1", "channels: 2", ":4 input.channels: 2 is not allowed"),
        ("stride: 2x1", "stride: 8", ":6 layers: the features have 4 time steps"),
        ("height: 32", "height: 400", ":11 preprocess.fft_samples: "),
        ("task: sed", "task: seed", ":3 task: no task 'seed'"),
    ],
)
def test_a_network_that_cannot_serve_is_refused_before_any_data(
    recordings: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    file = tmp_path / "ear.yaml"
    assert old in ARCHITECTURE
    file.write_text(ARCHITECTURE.replace(old, new))
    refused = trained(file, recordings, tmp_path / "run")
    assert isinstance(refused.exception, NasError)
    assert str(refused.exception).startswith(f"{file}{message}"), refused.exception
    assert refused.output == ""
    assert not (tmp_path / "run").exists()


def test_a_failed_start_does_not_use_up_its_folder(
    recordings: Path, arch: Path, tmp_path: Path
) -> None:
    failed = trained(arch, tmp_path / "nowhere", tmp_path / "run")
    assert isinstance(failed.exception, NasError)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {".lock", "log.txt"}
    flags = ("--epochs", 1, "--batch-size", 8)
    assert trained(arch, recordings, tmp_path / "run", *flags).exception is None
    again = trained(arch, recordings, tmp_path / "run", *flags)
    assert "exists already" in str(again.exception)


def test_macs_are_told_a_second_of_audio(arch: Path) -> None:
    values = json.loads(invoke(macs, "--arch", arch, "--json").stdout)
    assert values["macs_per_audio_second"] == pytest.approx(values["macs"] / 1.6)
    for form in ((), ("--markdown",)):
        assert "MACs per audio second" in invoke(macs, "--arch", arch, *form).output


@pytest.mark.slow
def test_another_librarys_network_gets_a_head_over_time(recordings: Path, tmp_path: Path) -> None:
    model = ("--model", "torchvision:mnasnet0_5", "--input", "1x32x512", "--task", "sed")
    where = ("--data", recordings, "--out", tmp_path / "run", "--epochs", 1, *FAST)
    result = invoke(train, *model, *where)
    assert result.exception is None, result.output
    assert load_trained(tmp_path / "run").architecture.head == "attention"
    failed = invoke(train, *model[:-1], "sde", *where)
    assert isinstance(failed.exception, NasError)
    assert "no task 'sde'; did you mean 'sed'" in str(failed.exception)


def test_a_file_says_its_own_task(arch: Path) -> None:
    failed = invoke(train, "--arch", arch, "--task", "sed")
    assert isinstance(failed.exception, NasError)
    assert failed.exception.key == "--task"


@pytest.mark.parametrize("normalises", [False, True])
def test_an_exported_file_and_its_program_hear_what_the_run_does(
    run: Path, recordings: Path, tmp_path: Path, normalises: bool
) -> None:
    file = tmp_path / "ear.onnx"
    result = invoke(export, run, "--out", file, *["--with-preprocess"] * normalises)
    assert result.exception is None, result.output
    said = json.loads(file.with_suffix(".json").read_text())
    assert [item["name"] for item in said["outputs"]] == ["clipwise_NK", "segmentwise_NKT"]
    assert said["thresholds"] == yaml.safe_load((run / "thresholds.yaml").read_text())
    of_file, of_run = (json.loads(invoke(evaluate, it, "--json").output) for it in (file, run))
    agree(of_file, of_run, 1e-3)
    sounds = sorted((recordings / "test").iterdir())
    samples, rate_hz = soundfile.read(sounds[0])
    stereo = np.stack([samples, samples[::-1]], axis=1)
    soundfile.write(tmp_path / "other_rate.wav", stereo, rate_hz + 4_000)
    sounds.append(tmp_path / "other_rate.wav")
    # float16 spectrograms may round the other way
    agree(alone(file, *sounds), json.loads(invoke(predict, run, *sounds).output), 2e-3)

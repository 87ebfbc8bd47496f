"""`nas train`: what it writes, says, and how it goes on."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from safetensors.torch import load_file

import nas.train.api as training_api
import nas.train.run as training_run
from nas.cli.evaluate import evaluate
from nas.cli.train import train
from nas.data.augment import AugmentSpec
from nas.spec.architecture import dump_architecture, load_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.provenance import Provenance
from nas.spec.training import TrainingSpec, load_training
from nas.tasks.image.losses import LossSpec
from nas.train import fitting
from nas.train.source import training_of
from tests.cli.conftest import ARCHITECTURE, error_of, invoke, write_photos


def test_the_folder_has_what_other_programs_read(run: Path) -> None:
    values = json.loads((run / "metrics.json").read_text())
    for split in ("test", "validation"):
        low, high = values[split]["macro_f1_ci95"]
        assert 0 <= low <= values[split]["macro_f1"] <= high <= 1
        assert list(values[split]["per_class_f1"]) == ["blue", "green", "red"]
        assert 0 <= values[split]["accuracy"] <= 1
    assert values["test"]["samples"] == 21
    assert values["test"]["macro_f1"] > 0.8
    assert values["macs"] > 0
    assert values["parameters"] > 0
    assert values["seconds_per_epoch"] > 0
    assert values["seed"] == 0
    for name in ("model.safetensors", "confusion.png", "history.png", "log.txt", "checkpoint.pt"):
        assert (run / name).stat().st_size > 0
    assert list((run / "tensorboard").iterdir())


def test_the_architecture_file_alone_says_how_to_predict(run: Path, photos: Path) -> None:
    architecture = load_architecture(run / "architecture.yaml")
    assert architecture.classes == ("blue", "green", "red")
    assert architecture.preprocess is not None
    assert architecture.preprocess.mean != (0.5, 0.5, 0.5)
    assert architecture.provenance.data == str(photos)
    assert load_training(run / "training.yaml").epochs == 8


def test_says_an_epoch_a_line_and_a_class_a_line(run: Path) -> None:
    lines = (run / "log.txt").read_text().splitlines()
    assert lines[0].startswith("Data: ")
    assert sum(line.startswith("epoch ") for line in lines) == 8
    assert any(line.startswith("green ") for line in lines)
    assert any("test macro-F1" in line and "95 % interval" in line for line in lines)


def test_the_test_split_is_measured_once(
    photos: Path, architecture_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = training_run.evaluate

    def counting(network, data, task, split, **settings):
        seen.append(split)
        return real(network, data, task, split, **settings)

    monkeypatch.setattr(training_run, "evaluate", counting)
    out = tmp_path / "run"
    result = invoke(
        train, "--arch", architecture_file, "--data", photos, "--out", out, "--epochs", 2
    )
    assert result.exception is None
    assert seen == ["test"]


def test_the_same_seed_gives_the_same_weights(
    photos: Path, architecture_file: Path, tmp_path: Path
) -> None:
    weights = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        result = invoke(
            train, "--arch", architecture_file, "--data", photos, "--out", tmp_path / name,
            "--epochs", 2, "--seed", seed, "--threads", 1,
        )  # fmt: skip
        assert result.exception is None
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_resumes_to_the_same_weights(
    photos: Path, architecture_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ("--arch", architecture_file, "--data", photos, "--epochs", 4, "--threads", 1)
    assert invoke(train, *common, "--out", tmp_path / "whole").exception is None
    real = fitting.epoch_line

    def stop_in_epoch_3(epoch, *arguments, **options):
        if epoch == 3:
            raise KeyboardInterrupt
        return real(epoch, *arguments, **options)

    monkeypatch.setattr(fitting, "epoch_line", stop_in_epoch_3)
    stopped = invoke(train, *common, "--out", tmp_path / "stopped")
    assert "go on with: nas train --resume" in stopped.output
    assert not (tmp_path / "stopped" / "metrics.json").exists()
    monkeypatch.undo()
    assert invoke(train, "--resume", tmp_path / "stopped", "--threads", 1).exception is None
    whole, resumed = (tmp_path / name / "model.safetensors" for name in ("whole", "stopped"))
    assert whole.read_bytes() == resumed.read_bytes()


def test_a_resumed_run_keeps_its_settings_and_a_finished_one_is_over(
    run: Path, tmp_path: Path
) -> None:
    assert "leave out --epochs, --seed" in error_of(
        train, "--resume", run, "--epochs", 3, "--seed", 0
    )
    assert "finished" in error_of(train, "--resume", run)
    assert "no training run" in error_of(train, "--resume", tmp_path)


def test_without_data_the_digits_are_used_and_said(architecture_file: Path, tmp_path: Path) -> None:
    result = invoke(train, "--arch", architecture_file, "--out", tmp_path / "run", "--epochs", 1)
    assert result.exception is None, result.output
    assert "digits" in result.output.splitlines()[0]
    assert len(load_architecture(tmp_path / "run" / "architecture.yaml").classes) == 10


def test_without_data_those_of_the_provenance_are_used(photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "best.yaml"
    file.write_text(ARCHITECTURE + f"provenance: {{data: {photos}}}\n")
    result = invoke(train, "--arch", file, "--out", tmp_path / "run", "--epochs", 1)
    assert result.output.splitlines()[0] == f"Data: {photos}"
    file.write_text(ARCHITECTURE + "provenance: {data: /nowhere/photos}\n")
    assert "give --data" in error_of(train, "--arch", file, "--out", tmp_path / "other")


@pytest.mark.parametrize(
    ("provenance", "kept"),
    [
        ("", True),
        ("provenance: {{data: {photos}}}\n", True),
        ("provenance: {{data: /other}}\n", False),
    ],
)
def test_normalisation_is_measured_anew_on_other_data_only(
    photos: Path, tmp_path: Path, provenance: str, kept: bool
) -> None:
    file = tmp_path / "best.yaml"
    preprocess = "preprocess: {turn_portrait: false, mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6]}\n"
    file.write_text(ARCHITECTURE + preprocess + provenance.format(photos=photos))
    result = invoke(
        train, "--arch", file, "--data", photos, "--out", tmp_path / "run", "--epochs", 1
    )
    assert result.exception is None, result.output
    written = load_architecture(tmp_path / "run" / "architecture.yaml").preprocess
    assert written is not None
    assert not written.turn_portrait
    assert (written.mean == (0.1, 0.2, 0.3)) == kept


def test_another_librarys_network_is_trained_by_the_same_command(
    photos: Path, tmp_path: Path
) -> None:
    result = invoke(
        train, "--model", "torchvision:shufflenet_v2_x0_5", "--input", "3x32x32", "--data", photos,
        "--out", tmp_path / "run", "--epochs", 1,
    )  # fmt: skip
    assert result.exception is None, result.output
    architecture = load_architecture(tmp_path / "run" / "architecture.yaml")
    assert architecture.model == "torchvision:shufflenet_v2_x0_5"


def test_turning_can_be_switched_off(architecture_file: Path, photos: Path, tmp_path: Path) -> None:
    model = ("--model", "torchvision:shufflenet_v2_x0_5", "--input", "3x16x24")
    for number, network in enumerate([model, ("--arch", architecture_file)]):
        folder = tmp_path / str(number)
        flags = ("--data", photos, "--out", folder, "--epochs", 1, "--threads", 1, "--no-turn")
        assert invoke(train, *network, *flags).exception is None
        preprocess = load_architecture(folder / "architecture.yaml").preprocess
        assert preprocess is not None
        assert not preprocess.turn_portrait
        assert preprocess.mean != (0.5, 0.5, 0.5)  # measured all the same


def test_the_recipe_of_the_search_is_taken_but_for_epochs_and_seed(
    architecture_file: Path, photos: Path, tmp_path: Path
) -> None:
    found = tmp_path / "found.yaml"
    recipe = TrainingSpec(epochs=3, seed=9, learning_rate=0.001, sampler="none")
    architecture = replace(
        load_architecture(architecture_file),
        provenance=Provenance(training=recipe.model_dump(mode="json")),
    )
    found.write_text(dump_architecture(architecture))
    assert training_of(load_architecture(found)) == TrainingSpec(
        learning_rate=0.001, sampler="none"
    )
    flags = ("--data", photos, "--out", tmp_path / "run", "--epochs", 1, "--threads", 1)
    assert invoke(train, "--arch", found, *flags).exception is None
    kept = load_training(tmp_path / "run" / "training.yaml")
    assert (kept.learning_rate, kept.sampler, kept.epochs) == (0.001, "none", 1)


def test_splits_that_come_out_otherwise_are_said(architecture_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    write_photos(folder, {"train": 16})
    flags = ("--data", folder, "--epochs", 1, "--threads", 1)
    first = invoke(train, "--arch", architecture_file, *flags, "--out", tmp_path / "first")
    assert "WARNING" not in first.output
    again = ("--arch", tmp_path / "first" / "architecture.yaml", *flags)
    assert "WARNING" not in invoke(train, *again, "--out", tmp_path / "second").output
    picture = next((folder / "train" / "red").iterdir())
    shutil.copy(picture, picture.with_name("new.jpg"))
    assert (
        "WARNING: files came or went" in invoke(train, *again, "--out", tmp_path / "third").output
    )
    assert "WARNING: files came or went" in invoke(evaluate, tmp_path / "first").output


def test_a_resumed_run_takes_as_many_threads_as_before(
    architecture_file: Path, photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    flags = ("--data", photos, "--out", folder, "--epochs", 1)
    assert invoke(train, "--arch", architecture_file, *flags, "--threads", 3).exception is None
    assert json.loads((folder / "metrics.json").read_text())["threads"] == 3
    (folder / "metrics.json").unlink()
    assert invoke(train, "--resume", folder).exception is None
    assert json.loads((folder / "metrics.json").read_text())["threads"] == 3


def test_a_missing_split_is_made_and_said(architecture_file: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "few", {"train": 12})
    (tmp_path / "few" / "train" / "red" / "broken.jpg").write_bytes(b"no picture")
    common = ("--arch", architecture_file, "--data", tmp_path / "few", "--epochs", 1)
    result = invoke(train, *common, "--out", tmp_path / "run")
    assert result.exception is None, result.output
    assert "no validation and no test split there: made" in result.output
    assert "broken.jpg" in result.output
    assert "broken.jpg" in error_of(train, *common, "--out", tmp_path / "strict", "--strict")


def test_the_default_folder_is_numbered(
    architecture_file: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("small-train", "small-train-2"):
        result = invoke(train, "--arch", architecture_file, "--data", photos, "--epochs", 1)
        assert result.exception is None, result.output
        assert (tmp_path / "runs" / name / "metrics.json").exists()


def test_another_input_size_is_taken_but_not_other_channels(
    architecture_file: Path, photos: Path, tmp_path: Path
) -> None:
    common = ("--arch", architecture_file, "--data", photos, "--epochs", 1, "--out", tmp_path / "r")
    assert "--input has 1 channels, but the network takes 3" in error_of(
        train, *common, "--input", "1x20x20"
    )
    assert invoke(train, *common, "--input", "3x20x32").exception is None
    written = load_architecture(tmp_path / "r" / "architecture.yaml")
    assert written.input.shape == (3, 20, 32)


def test_a_copied_folder_is_whole(run: Path, photos: Path, tmp_path: Path) -> None:
    from nas.cli.evaluate import evaluate

    shutil.copytree(run, tmp_path / "copy")
    first, second = (invoke(evaluate, folder, "--json") for folder in (run, tmp_path / "copy"))
    assert json.loads(first.output) == json.loads(second.output)


def test_settings_written_before_there_were_other_tasks_are_read(
    photos: Path, architecture_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "training.yaml"
    file.write_text(
        "epochs: 1\nloss: {kind: focal, cross_entropy_weight: 0.25}\n"
        "augment: {flip: true, rotate_180: false, crop_padding: 0.1, colour: 0.2, cutout: 0.0}\n"
    )
    result = invoke(
        train, "--arch", architecture_file, "--data", photos, "--training", file,
        "--out", tmp_path / "run", "--batch-size", 16,
    )  # fmt: skip
    assert result.exception is None, result.output
    kept = load_training(tmp_path / "run" / "training.yaml")
    assert (kept.loss, kept.augment) == (LossSpec(kind="focal"), AugmentSpec())


@pytest.mark.parametrize(
    ("flags", "teacher"),
    [((), None), (("--teacher", "none"), ()), (("--teacher", "big"), (Path("big"),))],
)
def test_nobody_teaches_only_where_that_is_said(
    flags: tuple[str, ...],
    teacher: tuple[Path, ...] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the flag it is who the architecture file says, as seen from it."""
    given: list[tuple[object, object]] = []

    def planned(architecture: ArchitectureSpec, **more: object) -> None:
        given.append((architecture.provenance.teacher, more["teacher"]))

    monkeypatch.setattr(training_api, "run_training", planned)
    (tmp_path / "best.yaml").write_text(ARCHITECTURE + "provenance: {teacher: [teacher]}\n")
    result = invoke(train, "--arch", tmp_path / "best.yaml", *flags)
    assert result.exception is None, result.output
    assert given == [([str(tmp_path / "teacher")], teacher)]


def test_odd_names_of_classes_and_pictures_that_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither ends a run; what is measured is written before anything is drawn."""
    names = {b"caf\xe9": "caf\\xe9", b"new\nline": "new\\u000aline", b"\x1b[2J": "\\u001b[2J"}
    for split in (b"train", b"val", b"test"):
        for shade, name in enumerate(names):
            folder = os.path.join(os.fsencode(tmp_path), b"data", split, name)
            os.makedirs(folder)
            for number in (b"0\xff.png", b"1.png"):
                with open(os.path.join(folder, number), "wb") as file:
                    Image.new("L", (8, 8), 80 * shade).save(file, "PNG")
    out = tmp_path / "run"

    def fail(*_: object) -> bytes:
        assert (out / "metrics.json").exists()
        raise MemoryError

    monkeypatch.setattr("nas.report.evaluation.confusion_png", fail)
    monkeypatch.setattr("nas.report.history_plot.png_bytes", fail)
    (tmp_path / "small.yaml").write_text(ARCHITECTURE)
    arguments = ("--arch", tmp_path / "small.yaml", "--data", tmp_path / "data", "--epochs", 1)
    result = invoke(train, *arguments, "--out", out, "--threads", 1)
    assert result.exception is None, result.output
    values = json.loads((out / "metrics.json").read_text())
    assert list(values["test"]["per_class_f1"]) == sorted(names.values())
    assert load_architecture(out / "architecture.yaml").classes == tuple(sorted(names.values()))
    assert result.output.replace("\n", "").isprintable()
    assert [text.split(": ")[1] for text in caplog.messages] == ["could not be drawn"] * 2


def test_quantisation_aware_epochs_come_after_the_others_and_make_the_weights(
    run: Path, photos: Path, architecture_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = invoke(
        train, "--arch", architecture_file, "--data", photos, "--out", out, "--epochs", 2,
        "--quantisation-aware", 2, "--batch-size", 16, "--threads", 1,
    )  # fmt: skip
    assert result.exception is None, result.output
    assert result.output.count("8-bit rounding  epoch") == 2
    values = json.loads((out / "metrics.json").read_text())
    assert values["epochs"] == 2
    assert values["quantisation_aware"]["epochs"] == 2
    assert 0 <= values["quantisation_aware"]["validation_before"]["macro_f1"] <= 1
    weights, plain = (load_file(folder / "model.safetensors") for folder in (out, run))
    assert weights.keys() == plain.keys()
    for name, value in weights.items():
        if value.ndim == 4:  # whole multiples of a 64th of each channel's largest
            steps = value / (value.flatten(1).abs().amax(dim=1)[:, None, None, None] / 64)
            assert (steps - steps.round()).abs().max() < 1e-3, name

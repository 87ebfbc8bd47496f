"""What `nas train` refuses, and in which words."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.cli.train import train
from nas.errors import NasError
from nas.spec.architecture import load_architecture
from nas.spec.provenance import Provenance
from nas.train.source import training_of
from tests.cli.conftest import ARCHITECTURE, error_of, invoke


def test_a_wrong_recipe_is_named(architecture_file: Path) -> None:
    architecture = replace(
        load_architecture(architecture_file), provenance=Provenance(training={"epochs": "many"})
    )
    with pytest.raises(NasError, match=r"provenance\.training\.epochs"):
        training_of(architecture)


def test_a_network_that_does_not_end_in_the_classes_is_refused(
    photos: Path, tmp_path: Path
) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(ARCHITECTURE.replace("  - {block: GlobalAvgPool}\n", "") + "head: none\n")
    error = error_of(train, "--arch", file, "--data", photos, "--out", tmp_path / "r")
    assert "head" in error
    assert "classes" in error


def test_a_loss_that_breaks_down_is_a_clear_error(
    photos: Path, architecture_file: Path, tmp_path: Path
) -> None:
    error = error_of(
        train, "--arch", architecture_file, "--data", photos, "--out", tmp_path / "run",
        "--epochs", 5, "--learning-rate", 1e30,
    )  # fmt: skip
    assert "training failed" in error
    assert "not finite" in error


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "give --arch FILE or --model NAME"),
        (("--model", "torchvision:resnet18"), "needs --input CxHxW"),
        (("--model", "torchvision:resnet18", "--input", "3x46"), "no input size"),
        (("--arch", "nowhere.yaml"), "nowhere.yaml"),
        (("--arch", "x.yaml", "--pretrained", "--weights", "a.pth"), "--pretrained: it stands for"),
        (("--model", "torchvision:resnet81", "--input", "3x32x32"), "resnet18"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    assert complaint in error_of(train, *arguments, "--out", tmp_path / "run")


def test_wrong_settings_leave_no_folder(
    architecture_file: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    common = ("--arch", architecture_file, "--data", photos, "--out", out)
    refused = invoke(train, *common, "--learning-rate", "inf")
    assert refused.exit_code == 2
    assert "Invalid value for '--learning-rate': inf is not a finite number" in refused.output
    (tmp_path / "training.yaml").write_text("epochs: 0\n")
    assert "training.yaml:1 epochs" in error_of(
        train, *common, "--training", tmp_path / "training.yaml"
    )
    assert not out.exists()


def test_a_taken_folder_is_not_overwritten(architecture_file: Path, run: Path) -> None:
    before = (run / "metrics.json").read_bytes()
    assert "exists already" in error_of(train, "--arch", architecture_file, "--out", run)
    assert (run / "metrics.json").read_bytes() == before


def test_labels_of_pictures_are_all_known(
    photos: Path, architecture_file: Path, tmp_path: Path
) -> None:
    common = ("--arch", architecture_file, "--data", photos, "--out", tmp_path / "run")
    assert "the labels of the image task are all known" in error_of(train, *common, "--rounds", 2)
    assert error_of(train, *common, "--threshold", 0.5).startswith("--threshold: ")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("epochs: 2\nloss:\n  kind: known_bce\n", ":3 loss.kind: known_bce is no loss"),
        (
            "training:\n  pseudo_labelling: {rounds: 2}\n",
            ":2 training.pseudo_labelling: the labels",
        ),
        (
            "augment: {kind: spectrogram}\n",
            ":1 augment.kind: spectrogram is no augmentation of pictures",
        ),
    ],
)
def test_settings_of_another_task_are_told_at_their_place(
    architecture_file: Path, tmp_path: Path, text: str, place: str
) -> None:
    file = tmp_path / "training.yaml"
    file.write_text(text)
    error = error_of(
        train, "--arch", architecture_file, "--training", file, "--out", tmp_path / "run"
    )
    assert error.startswith(f"{file}{place}")

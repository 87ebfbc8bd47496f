"""What the training split chooses is said, written out, and kept; what is given stays."""

from pathlib import Path

import pytest

from nas.cli.train import train
from nas.spec.training import TrainingSpec, load_training
from nas.train import fitting
from nas.train.plan import RunPlan
from tests.cli.conftest import invoke, write_photos


@pytest.fixture
def few_red(tmp_path: Path) -> Path:
    """Sixteen training pictures of two classes, two of the third."""
    photos = tmp_path / "photos"
    write_photos(photos, {"train": 16, "val": 4, "test": 4})
    for picture in sorted((photos / "train" / "red").iterdir())[2:]:
        picture.unlink()
    return photos


def trained(architecture: Path, photos: Path, out: Path, *more: object) -> tuple[TrainingSpec, str]:
    """The settings that were written, and all that was said."""
    flags = ("--arch", architecture, "--data", photos, "--epochs", 1, "--threads", 1, "--out", out)
    result = invoke(train, *flags, *more)
    assert result.exception is None
    return load_training(out / "training.yaml"), result.output


def test_it_is_said_and_written_out(architecture_file: Path, few_red: Path, run: Path) -> None:
    assert load_training(run / "training.yaml").sampler == "softened"  # of equal classes
    out = few_red.parent / "run"
    written, said = trained(architecture_file, few_red, out)
    assert (written.recipe, written.sampler) == ("auto", "inverse")
    line = "  recipe: sampler inverse; 2 to 16 training pictures a class are 8 to 1 or more"
    assert line in said.splitlines()
    assert line in (out / "log.txt").read_text().splitlines()


@pytest.mark.parametrize("text", ["sampler: softened", "recipe: fixed"])
def test_what_a_file_gives_stays(
    text: str, architecture_file: Path, few_red: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "mine.yaml"
    settings.write_text(text + "\n")
    flags = ("--training", settings)
    written, said = trained(architecture_file, few_red, tmp_path / "run", *flags)
    assert written.sampler == "softened"
    assert "recipe:" not in said


def test_who_is_taught_has_the_tasks_own(
    architecture_file: Path, photos: Path, few_red: Path, tmp_path: Path
) -> None:
    teacher, out = tmp_path / "teacher", tmp_path / "taught"
    trained(architecture_file, few_red, teacher)
    written, said = trained(architecture_file, few_red, out, "--teacher", teacher)
    assert written.sampler == "softened"
    assert "recipe:" not in said


def test_a_resumed_run_keeps_what_was_chosen(
    architecture_file: Path, few_red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object, **options: object) -> str:
        raise KeyboardInterrupt

    out = tmp_path / "run"
    monkeypatch.setattr(fitting, "epoch_line", stop)
    invoke(train, "--arch", architecture_file, "--data", few_red, "--epochs", 2, "--out", out)
    monkeypatch.undo()
    begun = load_training(out / "training.yaml")
    assert begun.sampler == "inverse"
    for name in ("blue", "green"):
        for picture in sorted((few_red / "train" / name).iterdir())[2:]:
            picture.unlink()  # all alike now
    assert RunPlan.from_folder(out).training == begun
    resumed = invoke(train, "--resume", out)
    assert resumed.exception is None
    assert "recipe:" not in resumed.output
    assert load_training(out / "training.yaml") == begun

"""What the training split chooses is said, written out, and kept; what is given stays."""

from pathlib import Path

import pytest

import nas.train.run as training_run
from nas.cli.train import train
from nas.spec.training import load_training
from nas.tasks.image.losses import LossSpec
from nas.train.plan import RunPlan
from tests.cli.conftest import invoke, write_photos

SMOOTH = LossSpec(kind="cross_entropy", label_smoothing=0.1)


def test_it_is_said_and_written_out(run: Path) -> None:
    written = load_training(run / "training.yaml")
    assert (written.recipe, written.loss, written.sampler) == ("auto", SMOOTH, "none")
    (line,) = [line for line in (run / "log.txt").read_text().splitlines() if "recipe" in line]
    assert "sampler none" in line
    assert "balanced" in line


def test_what_a_file_gives_stays(architecture_file: Path, photos: Path, tmp_path: Path) -> None:
    settings = tmp_path / "mine.yaml"
    flags = ("--arch", architecture_file, "--data", photos, "--epochs", 1, "--threads", 1)
    for text, sampler, loss in (
        ("sampler: inverse", "inverse", SMOOTH),
        ("recipe: fixed", "softened", LossSpec()),
    ):
        settings.write_text(text + "\n")
        out = tmp_path / sampler
        result = invoke(train, *flags, "--training", settings, "--out", out)
        assert result.exception is None
        written = load_training(out / "training.yaml")
        assert (written.loss, written.sampler) == (loss, sampler)
        assert ("recipe:" in result.output) == (sampler == "inverse")


def test_what_teaches_is_learned_from_with_the_tasks_own(
    architecture_file: Path, photos: Path, run: Path, tmp_path: Path
) -> None:
    flags = ("--arch", architecture_file, "--data", photos, "--epochs", 1, "--threads", 1)
    out = tmp_path / "taught"
    assert invoke(train, *flags, "--teacher", run, "--out", out).exception is None
    written = load_training(out / "training.yaml")
    assert (written.loss, written.sampler) == (LossSpec(), "softened")


def test_a_resumed_run_keeps_what_was_chosen(
    architecture_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "run"
    write_photos(photos, {"train": 8, "val": 4, "test": 4})

    def stop(*arguments: object, **options: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(training_run, "epoch_line", stop)
    flags = ("--arch", architecture_file, "--data", photos, "--epochs", 2, "--threads", 1)
    invoke(train, *flags, "--out", out)
    monkeypatch.undo()
    begun = load_training(out / "training.yaml")
    assert begun.sampler == "none"
    for picture in list((photos / "train" / "red").iterdir())[1:]:
        picture.unlink()  # not balanced any more
    assert RunPlan.from_folder(out).training == begun
    resumed = invoke(train, "--resume", out, "--threads", 1)
    assert resumed.exception is None
    assert "recipe:" not in resumed.output
    assert load_training(out / "training.yaml") == begun

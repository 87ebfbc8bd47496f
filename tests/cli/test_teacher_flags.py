"""A teacher by flags: of another library, gone on with, refused before a folder is made."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import nas
from nas.cli.search import search
from nas.cli.teacher import NOBODY, TeacherFlags
from nas.cli.train import train
from nas.errors import NasError
from nas.train import fitting
from tests.cli.conftest import ARCHITECTURE, invoke, photos, write_photos
from tests.search.conftest import put_workers_here

LIBRARY = "torchvision:shufflenet_v2_x0_5"
SPACE = """
name: few
input: {channels: 3, height: 16, width: 16}
layers:
  - {name: stem, block: Conv, out: [4, 8, 12], kernel: [1, 3], stride: 2}
  - {name: gap, block: GlobalAvgPool}
search: {trials: 1, sampler: random, stop: none, finalists: 0}
training: {epochs: 1, batch_size: 16}
teacher: TEACHER
"""
FAST = ("--device", "cpu", "--threads", 1)

__all__ = ["photos"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a network and a space in it."""
    put_workers_here(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(ARCHITECTURE)
    Path("few.yaml").write_text(SPACE.replace("TEACHER", "none"))
    return tmp_path


def trained(photos: Path, *flags: object) -> object:
    common = ("--arch", "small.yaml", "--data", photos, "--out", "run", "--epochs", 1)
    return invoke(train, *common, *FAST, *flags)


def searched(photos: Path, *flags: object) -> object:
    common = ("--space", "few.yaml", "--data", photos, "--out", "run", "--workers", 1)
    return invoke(search, *common, *FAST, *flags)


@pytest.mark.slow
def test_a_library_network_teaches_a_search(photos: Path) -> None:
    result = searched(photos, "--teacher-model", LIBRARY, "--teacher-input", "3x32x32")
    assert result.exception is None, result.output
    assert "Teacher: shufflenet_v2_x0_5, validation macro-F1 " in result.output
    kept = yaml.safe_load(Path("run/teacher/architecture.yaml").read_text())
    assert kept["classes"] == ["blue", "green", "red"]
    assert invoke(search, "--resume", "run", "--trials", 2).exception is None


@pytest.mark.slow
def test_a_run_with_a_library_teacher_is_gone_on_with(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object, **options: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(fitting, "epoch_line", stop)
        trained(photos, "--teacher-model", LIBRARY, "--teacher-input", "3x32x32")
    assert not Path("run/metrics.json").exists()
    resumed = invoke(train, "--resume", "run")
    assert resumed.exception is None, resumed.output
    assert "Teacher: shufflenet_v2_x0_5" in resumed.output
    assert Path("run/metrics.json").exists()


@pytest.mark.parametrize("command", [trained, searched])
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--teacher-model", "torchvision:shufflenet_v2_x05"), "did you mean 'shufflenet_v2_x0_5'"),
        (("--teacher-model", "resnet18"), "did you mean 'torchvision:resnet18'?; allowed: torchv"),
        (("--teacher-model", "mobilenet_v2_"), "did you mean 'mobilenet_v2'?; allowed: torchv"),
        (("--teacher-model", "nosuch.yaml"), "'nosuch.yaml'; allowed: torchvision:NAME, timm:NAME"),
        (("--teacher-model", " "), "names nothing"),
        (("--teacher-input", "0x1"), "is no input size"),
        (("--teacher-model", LIBRARY, "--teacher-weights", ""), "names nothing"),
        (("--teacher-model", LIBRARY, "--teacher-weights", "a.pth"), "no such file"),
        (("--teacher-model", LIBRARY, "--teacher-weights", "pip:lite0"), "or a file of its librar"),
        (("--teacher-model", "small.yaml", "--teacher-weights", "a.pth"), "no such file"),
        (("--teacher-model", "small.yaml", "--teacher-weights", "hub"), "nobody publishes"),
        (("--teacher", "gone"), "no such folder"),
        (("--teacher", "begun"), "is the training finished?"),
        (("--teacher", "gone", "--unlabelled", "empty"), "holds no file"),
        (("--weights", ""), "names nothing"),
    ],
)
def test_what_can_not_teach_names_its_flag_and_leaves_no_folder(
    command: object, flags: tuple[str, ...], message: str, photos: Path
) -> None:
    Path("empty").mkdir()
    Path("begun").mkdir()
    Path("begun/architecture.yaml").write_text(ARCHITECTURE + "preprocess: {kind: image}\n")
    error = command(photos, *flags).exception
    assert isinstance(error, NasError), error
    assert message in error.problem
    assert error.key == flags[-2]
    assert not Path("run").exists()


@pytest.mark.parametrize("flag", ["--teacher", "--unlabelled", "--data"])
def test_an_empty_text_is_no_folder(flag: str, photos: Path) -> None:
    result = trained(photos, flag, "")
    assert result.exit_code == 2
    assert f"Invalid value for '{flag}'" in result.output


def test_weights_that_are_not_there_name_their_flag(photos: Path) -> None:
    for flags in (("--weights", "a.pth"), ("--weights", "pip:nothing-at-all")):
        error = trained(photos, *flags).exception
        assert isinstance(error, NasError)
        assert error.key == "--weights"
        assert not Path("run").exists()


def test_an_empty_text_is_no_weights_for_the_library_either() -> None:
    for options in ({"weights": ""}, {"teacher": ""}):
        with pytest.raises(NasError, match=r"names no weights|is no folder"):
            nas.run_training("small.yaml", out="run", **options)
    assert not Path("run").exists()


def test_settings_of_teaching_without_a_teacher_are_told(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"train": 6, "val": 2, "test": 2})
    Path("mine.yaml").write_text("teaching: {weight: 0.5}\n")
    result = trained(tmp_path / "photos", "--training", "mine.yaml", "--teacher", "none")
    assert result.exception is None, result.output
    assert "training.teaching has no use: there is no teacher" in result.output


def test_what_a_space_says_of_nobody(photos: Path) -> None:
    for word in ("none", "null"):
        Path("few.yaml").write_text(SPACE.replace("TEACHER", word))
        out = ("--space", "few.yaml", "--data", photos, "--out", word, "--workers", 1)
        result = invoke(search, *out, *FAST)
        assert result.exception is None, result.output
        assert "Teacher:" not in result.output


@pytest.mark.parametrize(
    "flags",
    [
        {"teacher_model": "torchvision:resnet18"},
        {"teacher_weights": "hub"},
        {"others": (Path("run"),)},
        {"unlabelled": Path("pictures")},
    ],
)
def test_who_asks_for_nobody_says_nothing_of_a_teacher(flags: dict[str, Any]) -> None:
    with pytest.raises(NasError, match="has no use with --teacher none"):
        TeacherFlags(teacher=NOBODY, **flags).nobody  # noqa: B018  # it raises
    assert TeacherFlags(teacher=NOBODY).nobody
    assert not TeacherFlags().nobody

"""A search, its finalists included, never opens a picture of the test split."""

import ast
import os
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nas.cli.main import nas as command

from .conftest import SPACE

ROOT = Path(__file__).parents[2]
LARGE = """
input: {channels: 3, height: 16, width: 16}
layers:
  - {block: Conv, out: 24, kernel: 3, stride: 2}
  - {block: GlobalAvgPool}
"""
"""A network that is trained first, to teach."""
_watched: list[tuple[str, set[str]]] = []
"""The folder that is watched, and the files below it that were opened."""


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _watched and isinstance(arguments[0], str | os.PathLike):
        path = os.path.abspath(os.fspath(arguments[0]))
        if path.startswith(_watched[-1][0]):
            _watched[-1][1].add(path)


@cache
def _begin_noting() -> None:
    """Hear of every file that is opened from now on; once, for a hook can't be taken away."""
    sys.addaudithook(_note)


@pytest.fixture
def opened(tmp_path: Path, pictures: Path) -> Iterator[set[str]]:
    """The pictures of `tmp_path/data` that are opened, by Python's own account."""
    data = tmp_path / "data"
    shutil.copytree(pictures, data)
    for folder in (data / "val").iterdir():
        shutil.copytree(folder, data / "test" / folder.name)
    _begin_noting()
    files: set[str] = set()
    _watched.append((str(data), files))
    yield files
    _watched.pop()


def splits_of(files: set[str], data: Path) -> set[str]:
    return {Path(file).relative_to(data).parts[0] for file in files}


@pytest.mark.usefixtures("workers_here")
def test_only_training_and_evaluation_open_the_test_split(
    tmp_path: Path, opened: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("space.yaml").write_text(SPACE)
    data = tmp_path / "data"

    def nas(*arguments: str) -> set[str]:
        opened.clear()
        done = CliRunner().invoke(command, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return splits_of(opened, data)

    Path("large.yaml").write_text(LARGE)
    search = nas("search", "--space", "space.yaml", "--data", "data", "--out", "run",
                 "--trials", "3", "--workers", "1", "--teacher-model", "large.yaml")  # fmt: skip
    assert search == {"train", "val"}
    assert (tmp_path / "run" / "finalists.csv").exists()
    assert nas("search", "--resume", "run", "--trials", "4") <= {"train", "val"}
    train = nas("train", "--arch", "run/best.yaml", "--data", "data", "--epochs", "1",
                "--out", "best")  # fmt: skip
    assert "test" in train
    shutil.rmtree(tmp_path / "cache")
    assert nas("evaluate", "best", "--data", "data") == {"test"}


def test_the_search_has_no_word_for_the_test_split() -> None:
    for path in sorted((ROOT / "nas" / "search").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Constant) and node.value == "test"), path

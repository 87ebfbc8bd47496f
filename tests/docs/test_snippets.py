"""What the pages show of Python and YAML runs, and gives what they say."""

import doctest
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from PIL import Image

from nas.spec.training import load_training
from tests.docs.pages import PAGES, ROOT, code_blocks

ARCHITECTURE = """
name: tiny-t8
task: image
input: {channels: 3, height: 12, width: 16}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2, activation: ReLU}
  - {block: InvertedResidualv2, repeat: 2, out: 16, expand: 1.0, stride: 2}
  - {block: GlobalAvgPool}
classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
"""
"""The `best.yaml` of the pages: a network that a search of `tiny.yaml` found."""


def python_blocks(page: str) -> list[str]:
    """Python that is no file of its own."""
    blocks = code_blocks(page)
    return [block.text for block in blocks if block.language == "python" and not block.file]


def session(page: str) -> str:
    """The page's examples, as one session."""
    return "\n".join(text for text in python_blocks(page) if text.startswith(">>> "))


PROGRAMS = {
    f"{page}-{number}": text
    for page in PAGES
    for number, text in enumerate(python_blocks(page), 1)
    if not text.startswith(">>> ")
}
"""Python that is no session: programs, which may start processes."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the pages' commands are typed: a checkout, with the files that they name."""
    shutil.copytree(ROOT / "search_spaces", tmp_path / "search_spaces")
    (tmp_path / "best.yaml").write_text(ARCHITECTURE, encoding="utf-8")
    Image.new("RGB", (8, 8), (200, 200, 200)).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", [page for page in PAGES if session(page)])
def test_python_gives_what_the_page_says(page: str) -> None:
    test = doctest.DocTestParser().get_doctest(session(page), {}, page, page, 0)
    told: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=told.append)

    assert test.examples
    assert not told, "".join(told)


def run(*words: str) -> str:
    """What a program prints. Fails where it fails."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}."}
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_the_pages_run(folder: Path, name: str) -> None:
    (folder / "program.py").write_text(PROGRAMS[name], encoding="utf-8")

    assert run("program.py")


NAS = ("-c", "from nas.cli.main import main; main()")


@pytest.fixture
def own_files(folder: Path) -> Path:
    """A folder with the files that the page on extending shows."""
    for block in code_blocks("docs/extending.md"):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("own_files")
def test_the_block_of_the_page_is_one() -> None:
    said = run(*NAS, "space", "check", "fire.yaml", "--import", "own_block")

    assert "10 distinct networks" in said  # 2 x 2 Fire and ShuffleNetV2, once or twice


@pytest.mark.slow
@pytest.mark.usefixtures("own_files")
def test_the_block_of_the_page_keeps_the_contract() -> None:
    assert "passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_own_block.py")


@pytest.mark.slow
def test_the_objective_of_the_page_is_searched(own_files: Path) -> None:
    machine = ("--workers", "1", "--threads", "1", "--trials", "2", "--finalists", "0")
    search = ("search", "--space", "tiny.yaml", "--epochs", "1", *machine, "--out", "found")
    run(*NAS, *search, "--import", "own_objective", "--objectives", "outputs,metric")

    table = (own_files / "found" / "trials.csv").read_text(encoding="utf-8")
    assert "outputs" in table.splitlines()[0]


@pytest.mark.parametrize("page", PAGES)
def test_yaml_is_yaml(page: str) -> None:
    for block in code_blocks(page):
        if block.language == "yaml":
            assert isinstance(yaml.safe_load(block.text), dict), block.text


def test_the_training_file_of_the_page_is_one(tmp_path: Path) -> None:
    text = next(block.text for block in code_blocks("docs/training.md") if block.language == "yaml")
    (tmp_path / "training.yaml").write_text(text, encoding="utf-8")

    assert load_training(tmp_path / "training.yaml").epochs == 60

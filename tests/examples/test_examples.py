"""The examples as a user runs them: as programs, through `--import`, under the contracts."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PROGRAMS = [path for path in EXAMPLES if not path.name.startswith("test_")]


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'examples'}"},
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each program prints, run in an empty folder, which it leaves empty."""
    folder = tmp_path_factory.mktemp("anywhere")
    printed = {path.stem: run(folder, str(path)) for path in PROGRAMS}
    assert list(folder.iterdir()) == []
    return printed


@pytest.mark.slow
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_runs_anywhere(path: Path, said: dict[str, str]) -> None:
    assert said[path.stem]


def test_the_own_block_is_counted_in_closed_form(said: dict[str, str]) -> None:
    lines = said["own_block"].splitlines()
    assert "layer0 ConvNormAct 13824" in lines  # 8 x 8 places, 8 x 3 x 9 weights
    assert f"layer1 Ghost {4 * 4 * (8 * 8 * 9 + 8 * 9)}" in lines


@pytest.mark.slow
@pytest.mark.parametrize("name", ["block", "task"])
def test_the_contract_holds(name: str, tmp_path: Path) -> None:
    path = str(ROOT / "examples" / f"test_own_{name}.py")
    said = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", path)
    assert "passed" in said


@pytest.mark.slow
def test_a_search_knows_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(
        "name: bars\ntask: bars\ninput: {channels: 1, height: 16, width: 16}\nclasses: 2\nlayers:\n"
        "  - {block: Conv, out: 8, stride: 2}\n"
        "  - {name: body, block: Ghost, half: [4, 8], repeat: {low: 1, high: 3}}\n"
        "training: {epochs: 1}\n"
    )
    imports = [part for path in PROGRAMS for part in ("--import", path.stem)]
    command = ["-c", "from nas.cli.main import main; main()", "search", *imports]
    command += ["--space", "space.yaml", "--objectives", "depth,metric", "--out", "run"]
    run(tmp_path, *command, "--trials", "3", "--workers", "1", "--finalists", "0")
    rows = list(csv.DictReader((tmp_path / "run" / "trials.csv").read_text().splitlines()))
    assert len(rows) == 3
    assert {float(row["depth"]) for row in rows} <= {2, 3, 4}

"""Modules of one's own reach every worker of a search, and a search that goes on."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.search.settings import SearchSettings, read_settings, write_settings

ROOT = Path(__file__).parents[2]
BLOCK = """
from typing import ClassVar
from blocks import register_block
from blocks.conv import ConvConfig

@register_block
class GhostConfig(ConvConfig):
    name: ClassVar[str] = "Ghost"

from nas.search.objective import Objective, register_objective

register_objective(Objective("outputs", lambda network: network.cost.convolution_outputs))
"""
SPACE = """
name: ghosts
input: {channels: 3, height: 8, width: 8}
classes: 10
layers:
  - {name: stem, block: Ghost, out: [8, 16, 24], kernel: 3, stride: 2}
  - {name: gap, block: GlobalAvgPool}
training: {epochs: 1}
"""


def nas(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from nas.cli.main import main; main()", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_block_and_an_objective_of_ones_own_are_searched_by_workers_and_by_a_search_that_goes_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "my_blocks.py").write_text(BLOCK)
    (tmp_path / "space.yaml").write_text(SPACE)
    begin = ["search", "--import", "my_blocks", "--space", "space.yaml", "--out", "run"]
    begin += ["--objectives", "outputs,metric"]
    said = nas(tmp_path, *begin, "--trials", "2", "--workers", "1", "--finalists", "0")
    assert "Best: trial" in said
    assert read_rows(tmp_path) == 2
    with (tmp_path / "run" / "trials.csv").open(newline="") as stream:
        counted = {float(row["outputs"]) for row in csv.DictReader(stream)}
    assert counted <= {16 * out for out in (8, 16, 24)}  # maps of 4 x 4
    go_on = ["search", "--resume", "run", "--trials", "3"]
    refused = nas(tmp_path, *go_on)  # the folder may be somebody else's
    assert "settings.yaml" in refused
    assert "named again: --import my_blocks" in refused
    assert read_rows(tmp_path) == 2
    assert "Best: trial" in nas(tmp_path, *go_on, "--import", "my_blocks")
    assert read_rows(tmp_path) == 3
    assert "no block 'Ghost'" in nas(tmp_path, "macs", "--arch", "run/best.yaml")


PROGRAM = """
import nas
from typing import ClassVar
from blocks import register_block
from blocks.conv import ConvConfig

def main():
    @register_block
    class GhostConfig(ConvConfig):
        name: ClassVar[str] = "Ghost"

    space = nas.load_space("space.yaml")
    nas.run_search(space, nas.SearchSettings.for_space(space, workers=1), out="run")

if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_a_block_that_the_workers_cannot_know_is_named(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "the last one said: " in done.stderr
    assert "no block 'Ghost'" in done.stderr.splitlines()[-1]


def read_rows(folder: Path) -> int:
    return len((folder / "run" / "trials.csv").read_text().splitlines()) - 1


def test_settings_are_read_after_their_modules(tmp_path: Path) -> None:
    settings = SearchSettings(imports=("no_such_module",))
    write_settings(tmp_path, settings)
    with pytest.raises(NasError, match="--import: no_such_module can't be imported: ModuleNotFou"):
        read_settings(tmp_path, ["no_such_module"])
    write_settings(tmp_path, settings.model_copy(update={"imports": ("json",)}))
    assert read_settings(tmp_path, ["json", "csv"]).imports == ("json",)


def test_a_folder_imports_nothing_by_itself(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text("raise SystemExit('imported')")
    write_settings(tmp_path, SearchSettings(imports=("theirs",)))
    with pytest.raises(NasError, match=r"settings.yaml:\d+ imports: .*--import theirs"):
        read_settings(tmp_path)

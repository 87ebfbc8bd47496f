"""`nas data stats` as typed."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nas.cli.data import data
from nas.errors import NasError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    for label, count in {"ant": 8, "butterfly": 4}.items():
        for number in range(count):
            path = tmp_path / "data" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((24, 32, 3), number, dtype=np.uint8)).save(path)
    (tmp_path / "data" / "ant" / "bad.png").write_bytes(b"no")
    return tmp_path / "data"


def test_the_table(folder: Path) -> None:
    result = CliRunner().invoke(data, ["stats", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    header = next(line for line in lines if line.startswith("class"))
    assert header.split() == ["class", "train", "validation", "(made)", "test", "(made)"]
    counts = {
        line.split()[0]: line.split()[1:] for line in lines if line[:3] in ("ant", "but", "all")
    }
    assert sum(map(int, counts["ant"])) == 8
    assert [int(cell) for cell in counts["butterfly"]] == [2, 1, 1]
    assert sum(map(int, counts["all"])) == 12
    assert "suggested input   48 x 64 (height x width)" in lines
    assert "MACs saved        25.0% of those at 64 x 64" in lines
    assert "  ant/bad.png: not an image that Pillow knows" in lines


def test_json_and_the_long_side(folder: Path) -> None:
    arguments = ["stats", str(folder), "--json", "--long-side", "100"]
    result = CliRunner().invoke(data, arguments, catch_exceptions=False)
    found = json.loads(result.output)
    assert found["input_size"] == [75, 100]
    assert found["mean_ratio"] == 0.75
    assert found["classes"] == ["ant", "butterfly"]


def test_strict_and_a_missing_folder(folder: Path) -> None:
    result = CliRunner().invoke(data, ["stats", str(folder), "--strict"])
    assert isinstance(result.exception, NasError)
    result = CliRunner().invoke(data, ["stats", str(folder / "nowhere")])
    assert isinstance(result.exception, NasError)
    assert "no such folder" in str(result.exception)

"""`nas data stats` as typed."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nas.cli.data import data
from nas.errors import NasError
from tests.data.audio_set import write_noise, write_set
from tests.data.xray_files import write_set as write_xrays


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
    assert "suggested input   24 x 32 (height x width)" in lines  # they are no larger
    assert "MACs saved        25.0% of those at 32 x 32" in lines
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


def test_recordings_are_counted_by_their_rows(tmp_path: Path) -> None:
    rows = [(f"r{number}", number % 2, 0.1, 0.4) for number in range(12)]
    wrong = ("r1", 7, 0.1, 0.4)
    write_set(tmp_path, [*rows, wrong], [("r0", 1, 0.5, 0.8), ("r2", 1, 0.5, 0.8)])
    write_noise(tmp_path / "train" / "unlabelled.flac")
    found = json.loads(stats(tmp_path, "--json").output)
    assert found["classes"] == ["s0", "s1", "s7"]
    (tmp_path / "species.csv").write_text("species_id,name\n0,ant\n1,bee\n")
    found = json.loads(stats(tmp_path, "--json").output)
    splits = {item["split"]: item for item in found["splits"]}
    assert list(splits) == ["train", "validation", "test"]
    assert [splits[name]["given"] for name in splits] == [True, False, False]
    assert not any(item["complete"] for item in splits.values())
    for counts, each in (("present_counts", [6, 6]), ("absent_counts", [0, 2])):
        assert np.sum([item[counts] for item in splits.values()], axis=0).tolist() == each
    assert sum(item["recordings"] for item in splits.values()) == 12
    assert found["ignored_files"] == 1
    assert found["wrong"] == ["train_tp.csv:14: no species '7'; allowed: 0, 1"]

    lines = stats(tmp_path).output.splitlines()
    present, absent = splits["train"]["present_counts"], splits["train"]["absent_counts"]
    (bee,) = (line.split() for line in lines if line.startswith("bee"))
    assert bee[1:4] == [str(present[1]), "+", str(absent[1])]
    assert "labelled          in part in train, validation, test" in lines
    assert "  train_tp.csv:14: no species '7'; allowed: 0, 1" in lines
    assert "1 rows can't be used" in str(stats(tmp_path, "--strict").exception)
    assert "no sides" in str(stats(tmp_path, "--long-side", "64").exception)


def test_a_description_of_recordings_is_counted_too(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [(f"r{number}", 0, 0.1, 0.4) for number in range(8)], None)
    description = tmp_path / "some.yaml"
    description.write_text("audio: set/train\ntrue_positives: set/train_tp.csv\n")
    lines = stats(description).output.splitlines()
    assert "labelled          all that sounds" in lines
    assert lines[0] == str(description)


def test_xrays_are_counted_by_class_patient_and_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "set"
    write_xrays(root)
    (root / "train" / "s01" / "i01.dcm").unlink()
    result = stats(root)
    assert result.exit_code == 0, result.exception
    lines = result.output.splitlines()
    cells = {line[:14].strip(): line[14:].split() for line in lines if line[:1].isalpha()}
    assert cells["class"] == ["train", "validation", "(made)", "test", "(made)"]
    for name in ("negative", "images", "with boxes", "studies", "patients"):
        assert len(cells[name]) == 3
    assert sum(map(int, cells["images"])) == 19
    assert sum(map(int, cells["negative"])) == 5
    assert "boxes an image    0: 5, 1: 14 images" in lines
    assert "box width         50.0% to 50.0%, median 50.0% of the image's" in lines
    assert "height            12 to 12 pixels, median 12" in lines
    assert "left out          1 files, rows and boxes" in lines
    assert "  train_image_level.csv:3: no file of image 'i01' in train" in lines
    assert any(line.startswith("note              of 19 images no patient") for line in lines)
    found = json.loads(stats(root, "--json", "--seed", "2").output)
    assert sum(found["fold_images"]) == 19
    assert "no input size" in str(stats(root, "--long-side", "64").exception)
    assert "1 unreadable" in str(stats(root, "--strict").exception)


def test_a_description_of_xrays_is_counted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    write_xrays(tmp_path / "set")
    description = tmp_path / "some.yaml"
    description.write_text(
        "images: set/train\nstudy_table: set/train_study_level.csv\n"
        "image_table: set/train_image_level.csv\n"
    )
    lines = stats(description).output.splitlines()
    assert lines[0] == str(description)
    assert "folds             4, 4, 4, 4, 4 images" in lines


def stats(source: Path, *flags: str) -> Result:
    return CliRunner().invoke(data, ["stats", str(source), *flags])

"""`predict_onnx.py`, the program beside an exported file: it predicts what the run does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from nas.cli.export import export
from nas.cli.predict import predict
from tests.cli.conftest import invoke
from tests.cli.exported import agree, alone


def write_odd_pictures(folder: Path) -> list[Path]:
    """Pictures of each form that is read in a way of its own."""
    generator = np.random.default_rng(3)
    colour = generator.integers(0, 256, (90, 60, 3), dtype=np.uint8)
    pictures = {
        "portrait.png": Image.fromarray(colour),
        "grey16.png": Image.fromarray(generator.integers(0, 65_536, (40, 50), dtype=np.uint16)),
        "clear.png": Image.fromarray(np.dstack([colour, colour[..., :1]])),
        "palette.gif": Image.fromarray(colour).convert("P"),
        "large.jpg": Image.fromarray(colour).resize((640, 401)),
        "tall.jpg": Image.fromarray(colour).resize((401, 640)),
    }
    for name, picture in pictures.items():
        picture.save(folder / name)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.fromarray(colour).resize((400, 300)).save(folder / "sideways.jpg", exif=exif)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("normalises", [False, True])
def test_the_program_beside_it_needs_neither_torch_nor_nas(
    run: Path, exported: tuple[Path, Result], tmp_path: Path, normalises: bool
) -> None:
    file = exported[0]
    if normalises:
        file = tmp_path / "pixels.onnx"
        assert invoke(export, run, "--with-preprocess", "--out", file).exception is None
    (tmp_path / "odd").mkdir()
    pictures = write_odd_pictures(tmp_path / "odd")
    agree(alone(file, *pictures), json.loads(invoke(predict, run, *pictures).output), 1e-5)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(pictures[0].read_bytes()[:50])
    (answer,) = alone(file, broken)
    assert answer.keys() == {"file", "error"}


def test_the_program_says_of_each_file_what_is_wrong_with_it(
    exported: tuple[Path, Result], photos: Path, tmp_path: Path
) -> None:
    floats, large, huge, wide = (tmp_path / name for name in ("f.tif", "l.png", "h.png", "w.tif"))
    Image.fromarray(np.full((20, 20), 0.5, np.float32)).save(floats)
    Image.fromarray(np.full((20, 20), 70_000, np.int32)).save(wide)
    Image.new("1", (10_000, 9_500)).save(large)
    Image.new("1", (20_000, 20_000)).save(huge)
    photo = next(photos.rglob("*.jpg"))
    files = (floats, wide, large, huge, photo)
    answers = alone(exported[0], *files)
    whole = json.loads(invoke(predict, exported[0], *files).stdout)
    for found in (answers, whole):
        assert ["error" in answer for answer in found] == [True, True, True, True, False]
    assert "no known range" in answers[0]["error"]
    program = exported[0].with_name("predict_onnx.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True)
    assert "python predict_onnx.py model.onnx photo.jpg" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("task", ["study", "detection"])
def test_the_program_reads_xrays_that_are_pictures(
    task: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    run: Path = request.getfixturevalue(f"{task}_run")
    file, copy = tmp_path / "lungs.onnx", tmp_path / "run"
    shutil.copytree(run, copy)
    if task == "detection":
        (copy / "thresholds.yaml").write_text("opacity: 0.02\n")  # an epoch finds little
    assert invoke(export, copy, "--out", file).exception is None
    (tmp_path / "odd").mkdir()
    pictures = write_odd_pictures(tmp_path / "odd")
    expected = json.loads(invoke(predict, copy, *pictures).stdout)
    agree(alone(file, *pictures), expected, 1e-3)
    if task == "detection":
        assert any(answer["boxes"] for answer in expected)

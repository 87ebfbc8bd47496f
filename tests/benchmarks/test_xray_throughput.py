"""The usual way reads the same X-rays as ours, and the program times both."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks.usual_xrays import UsualXrays, usual_pixels, usual_xrays
from benchmarks.xray_throughput import main
from nas.data.synthetic.xrays import GeneratedXrays, write_xrays
from nas.data.xray.dicom import read_dicom
from nas.data.xray.listing import list_xrays
from nas.spec.definition import InputSpec

SIZE = InputSpec(channels=1, height=64, width=64)
ARCHITECTURE = """
name: small
task: covid-detection
input: {channels: 1, height: 64, width: 64}
preprocess: {kind: xray, labels: boxes}
classes: [opacity]
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 4}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
neck: {block: FPN, out: 8}
head: detection
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("xrays")
    write_xrays(root, GeneratedXrays(patients=20, second_studies=2, copies=0))
    return root


def test_a_file_is_read_as_ours_is(folder: Path) -> None:
    for item in list_xrays(folder, 0).files:
        ours, usual = read_dicom(item.path.read_bytes()), usual_pixels(item.path)[0].numpy()
        assert ours.shape == usual.shape
        assert np.corrcoef(ours.ravel(), usual.ravel())[0, 1] > 0.95, item.path


def test_boxes_stay_in_the_picture_and_batches_hold_them(folder: Path) -> None:
    images = list_xrays(folder, 0).files
    torch.manual_seed(0)
    dataset = UsualXrays(images, SIZE)
    for index, item in enumerate(images):
        x_CHW, boxes_B4 = dataset[index]
        assert x_CHW.shape == (1, 64, 64)
        assert len(boxes_B4) == len(item.boxes)
        assert ((boxes_B4 >= 0) & (boxes_B4 <= 64)).all()
    batches = list(usual_xrays(images, SIZE, batch_size=4, workers=0))
    assert [len(targets.boxes) for _, targets in batches] == [4] * (len(images) // 4)


def test_the_program_prints_both_and_their_ratio(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(ARCHITECTURE)
    arguments = ["--data", str(folder), "--arch", str(tmp_path / "small.yaml")]
    done = CliRunner().invoke(main, [*arguments, "--workers", "0", "--repeats", "1"])
    assert done.exit_code == 0, done.output
    for part in ("usual training", "our training", "our reading, once"):
        assert part in done.output
    assert "ratio of wall clock, reading and epochs, 50: " in done.output

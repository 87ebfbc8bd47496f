"""A folder of small pictures, one of small X-rays, and runs trained on them."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nas.data.synthetic.audio import GeneratedAudio, write_recordings
from nas.data.synthetic.xrays import GeneratedXrays, write_xrays
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.train.plan import RunPlan

ARCHITECTURE = """
name: small
input: {channels: 3, height: 16, width: 24}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2, activation: ReLU}
  - {block: ShuffleNetV2, stride: 2}
  - {block: GlobalAvgPool}
"""

COLOURS = {"blue": (40, 60, 200), "green": (40, 190, 60), "red": (200, 50, 40)}


def write_photos(root: Path, counts: dict[str, int], seed: int = 0) -> None:
    """`root/SPLIT/COLOUR/*.jpg` of random shapes, portraits among them; `counts` by split."""
    generator = np.random.default_rng(seed)
    for split, count in counts.items():
        for name, colour in COLOURS.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                size = generator.integers(20, 50, 2)
                noise = generator.normal(0, 45, (*size, 3))
                pixels = np.clip(noise + colour, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:02d}.jpg")


def invoke(command: object, *arguments: object) -> Result:
    """The command's result; what it raises is kept in `result.exception`."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def error_of(command: object, *arguments: object) -> str:
    """What the NasError says that the command must end with."""
    result = invoke(command, *arguments)
    assert isinstance(result.exception, NasError), result.output
    return str(result.exception)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "photos"
    write_photos(root, {"train": 16, "val": 6, "test": 7})
    return root


@pytest.fixture(scope="session")
def architecture_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("arch") / "small.yaml"
    file.write_text(ARCHITECTURE)
    return file


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, photos: Path, architecture_file: Path) -> Path:
    """A finished run on the pictures."""
    from nas.cli.train import train

    folder = tmp_path_factory.mktemp("runs") / "small"
    result = invoke(
        train, "--arch", architecture_file, "--data", photos, "--out", folder, "--epochs", 8,
        "--batch-size", 16, "--learning-rate", 0.02, "--threads", 1,
    )  # fmt: skip
    assert result.exception is None, result.output
    return folder


@pytest.fixture(scope="session")
def exported(run: Path) -> tuple[Path, Result]:
    """The file of the run on pictures, and what the command printed."""
    from nas.cli.export import export

    result = invoke(export, run)
    assert result.exception is None, result.output
    return run / "model.onnx", result


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seconds of sounds of three classes, in the tables of RFCX."""
    folder = tmp_path_factory.mktemp("recordings")
    settings = GeneratedAudio(
        train_recordings=12, test_recordings=4, duration_s=5.0, classes=3, quietest_db=0.0
    )
    write_recordings(folder, settings)
    return folder


XRAYS = GeneratedXrays(patients=30, second_studies=4, copies=3, shortest=48, longest=72)
LUNGS = """
name: lungs
task: covid-study
input: {channels: 1, height: 32, width: 32}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2, activation: ReLU}
  - {block: Conv, out: 16, kernel: 3, stride: 2, activation: ReLU}
"""
SPOTS = """
name: spots
task: covid-detection
input: {channels: 1, height: 64, width: 64}
head: detection
neck: {block: FPN, out: 8}
classes: [opacity]
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 4, activation: ReLU}
  - {block: Conv, out: 16, kernel: 3, stride: 2, activation: ReLU}
  - {block: Conv, out: 16, kernel: 3, stride: 2, activation: ReLU}
  - {block: Conv, out: 16, kernel: 3, stride: 2, activation: ReLU}
"""


@pytest.fixture(scope="session")
def xrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """37 images of 34 studies in Kaggle's layout, with folds."""
    folder = tmp_path_factory.mktemp("data") / "xrays"
    folder.mkdir()
    write_xrays(folder, XRAYS)
    return folder


def train_on_xrays(text: str, data: Path, out: Path, *flags: object) -> Result:
    """`nas train` for one epoch of the architecture that `text` is, into the new folder `out`."""
    from nas.cli.train import train

    file = out.parent / f"{out.name}.yaml"
    file.write_text(text)
    return invoke(
        train, "--arch", file, "--data", data, "--out", out, "--epochs", 1, "--batch-size", 16,
        "--device", "cpu", "--threads", 1, *flags,
    )  # fmt: skip


@pytest.fixture(scope="session")
def study_run(tmp_path_factory: pytest.TempPathFactory, xrays: Path) -> Path:
    """A finished run on the four classes of studies."""
    return _xray_run(tmp_path_factory, LUNGS, xrays)


@pytest.fixture(scope="session")
def opacity_run(tmp_path_factory: pytest.TempPathFactory, xrays: Path) -> Path:
    """A finished run on opacity / none."""
    return _xray_run(tmp_path_factory, LUNGS, xrays, "--labels", "opacity")


@pytest.fixture(scope="session")
def detection_run(tmp_path_factory: pytest.TempPathFactory, xrays: Path) -> Path:
    """A finished run of a detector."""
    return _xray_run(tmp_path_factory, SPOTS, xrays)


def _xray_run(factory: pytest.TempPathFactory, text: str, data: Path, *flags: object) -> Path:
    folder = factory.mktemp("runs") / "xrays"
    result = train_on_xrays(text, data, folder, *flags)
    assert result.exception is None, result.output
    return folder


@pytest.fixture(scope="session")
def efficientnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a classifier as far as its weights, without data of its own."""
    import timm
    import torch

    from tests.cli.detection_baseline import classifier

    torch.manual_seed(5)
    network = timm.create_model("efficientnet_b0", num_classes=2)
    return classifier(tmp_path_factory.mktemp("runs") / "b0", network)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list["RunPlan"]:
    """The plans that a command would carry out."""
    import nas.train.run as training_run

    plans: list[RunPlan] = []
    monkeypatch.setattr(training_run, "carry_out", lambda plan, device, **_: plans.append(plan))
    return plans

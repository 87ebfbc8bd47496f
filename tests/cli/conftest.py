"""A folder of small pictures, and a run trained on it."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

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

"""Small data sets of generated images."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WriteImages = Callable[[Path, dict[str, int]], None]


@pytest.fixture
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, also the default."""
    path = tmp_path / "cache"
    monkeypatch.setenv("NAS_CACHE", str(path))
    return path


@pytest.fixture
def write_images() -> WriteImages:
    """Writes so many PNG files of noise into `folder/CLASS`."""

    def write(folder: Path, counts: dict[str, int]) -> None:
        for label, count in counts.items():
            (folder / label).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                generator = np.random.default_rng([number, *label.encode()])
                pixels = generator.integers(0, 256, (9, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / label / f"{number:03d}.png")

    return write


@pytest.fixture
def real_images() -> Path:
    """The folder of real photos that NAS_TEST_IMAGES names; a clone holds none, so a test is left
    out, and said to be, where nobody names them."""
    named = os.environ.get("NAS_TEST_IMAGES")
    if not named:
        pytest.skip("NAS_TEST_IMAGES names no folder of real photos")
    return Path(named)


@pytest.fixture
def audio_scenes() -> Path:
    """The folder of mixed sound scenes that NAS_TEST_AUDIO names, as `real_images`."""
    named = os.environ.get("NAS_TEST_AUDIO")
    if not named:
        pytest.skip("NAS_TEST_AUDIO names no folder of the sound scenes")
    return Path(named)


@pytest.fixture
def real_xrays() -> Path:
    """The folder with siim/ and dicom/ that NAS_TEST_XRAY names, as `real_images`."""
    named = os.environ.get("NAS_TEST_XRAY")
    if not named:
        pytest.skip("NAS_TEST_XRAY names no folder of real X-rays")
    return Path(named)

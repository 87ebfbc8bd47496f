"""Figures of a data set against shapes chosen by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.dataset import DataRequest
from nas.data.image.load import load_images
from nas.data.image.preprocess import ImagePreprocess
from nas.data.image.statistics import UnreadableFile, image_statistics
from nas.data.normalise import channel_statistics
from nas.data.statistics import Spread, StatisticsRequest
from nas.errors import NasError
from nas.spec.definition import InputSpec


def write(path: Path, height: int, width: int, exif: Image.Exif | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path, exif=exif or Image.Exif())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ratios 0.5 (a portrait), 0.75, 1 and, by EXIF a portrait, 0.25 in train: 0.625 on average."""
    sideways = Image.Exif()
    sideways[0x0112] = 6
    write(tmp_path / "train/a/0.png", 20, 10)
    write(tmp_path / "train/a/1.png", 15, 20)
    write(tmp_path / "train/b/0.png", 16, 16)
    write(tmp_path / "train/b/1.png", 10, 40, sideways)
    write(tmp_path / "val/a/0.png", 100, 10)
    write(tmp_path / "test/b/0.png", 12, 90)
    (tmp_path / "test/b/broken.png").write_bytes(b"no")
    return tmp_path


def test_figures(folder: Path, cache_dir: Path) -> None:
    statistics = image_statistics(StatisticsRequest(folder, long_side=64))
    assert statistics.mean_ratio == pytest.approx(0.625)
    assert statistics.input_size == (40, 64)
    assert statistics.macs_saved == pytest.approx(0.375)
    assert statistics.portrait_share == 0.5
    assert statistics.class_ratio == 1
    assert statistics.height == Spread(12, 18, 100)
    assert statistics.width == Spread(10, 13, 90)
    assert [part.class_counts for part in statistics.splits] == [(2, 2), (1, 0), (0, 1)]
    assert all(part.given for part in statistics.splits)
    reason = "not an image that Pillow knows"
    assert statistics.unreadable == (UnreadableFile("test/b/broken.png", reason),)
    train = load_images(
        DataRequest(
            folder, InputSpec(channels=3, height=40, width=64), ImagePreprocess(), splits=("train",)
        )
    ).split("train")
    assert (statistics.mean, statistics.std) == channel_statistics(train.pixels)
    with pytest.raises(NasError, match=r"1 unreadable files or rows: test/b/broken\.png"):
        image_statistics(StatisticsRequest(folder, strict=True))


def test_the_seeds_ratio_saves_what_the_seed_says(tmp_path: Path, cache_dir: Path) -> None:
    for label in ("a", "b"):
        write(tmp_path / "data/train" / label / "0.png", 723, 1000)
    statistics = image_statistics(StatisticsRequest(tmp_path / "data", long_side=64))
    assert statistics.input_size == (46, 64)
    assert statistics.macs_saved == pytest.approx(0.277)


def test_no_larger_input_is_suggested_than_the_pictures_are(
    tmp_path: Path, cache_dir: Path
) -> None:
    """Half of the training images are as large; a few large ones change nothing."""
    for number, side in enumerate((32, 32, 28, 500, 32)):
        write(tmp_path / f"small/train/{'ab'[number % 2]}/{number}.png", side, side)
    for split in ("val", "test"):  # or they were made of the above
        write(tmp_path / f"small/{split}/a/0.png", 90, 90)
    assert image_statistics(StatisticsRequest(tmp_path / "small")).input_size == (32, 32)
    asked = image_statistics(StatisticsRequest(tmp_path / "small", long_side=48))
    assert asked.input_size == (48, 48)
    for label in ("a", "b"):
        write(tmp_path / "flat/train" / label / "0.png", 24, 48)
    assert image_statistics(StatisticsRequest(tmp_path / "flat")).input_size == (24, 48)


def test_real_photos(real_images: Path, cache_dir: Path) -> None:
    statistics = image_statistics(StatisticsRequest(real_images))
    assert [sum(part.class_counts) for part in statistics.splits] == [1732, 284, 537]
    ratios = []
    for path in real_images.glob("*/*/*.jpg"):
        with Image.open(path) as image:
            ratios.append((path.parent.parent.name, image.width / image.height))
    assert min(ratio for _, ratio in ratios) == pytest.approx(0.27, abs=0.005)
    assert max(ratio for _, ratio in ratios) == pytest.approx(6.4, abs=0.005)
    expected = np.mean([min(r, 1 / r) for split, r in ratios if split == "train"])
    assert statistics.mean_ratio == pytest.approx(expected)
    assert statistics.input_size == (round(64 * expected), 64)

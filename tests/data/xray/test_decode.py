"""X-rays as the network sees them: DICOM and pictures, sizes, channels, never turned."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.decode import UnreadableImage
from nas.data.xray.decode import XRAY_SUFFIXES, decode_xray
from nas.data.xray.dicom import UnreadableXray
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from tests.data.xray_files import content_of, dataset_of, write_dicom

SETTINGS = XrayPreprocess()
GREY = np.random.default_rng(0).integers(0, 256, (20, 10)).astype(np.uint8)
GREY[0, :2] = 0, 255


@pytest.mark.parametrize("channels", [1, 3])
def test_a_dicom_is_resized_each_axis_by_itself(tmp_path: Path, channels: int) -> None:
    write_dicom(tmp_path / "a.dcm", GREY)
    for filter_name, resampling in (("bilinear", 2), ("nearest", 0)):
        settings = XrayPreprocess(interpolation=filter_name)
        found = decode_xray(tmp_path / "a.dcm", 6, 8, channels, settings)
        assert found.original_size == (20, 10)
        expected = np.asarray(Image.fromarray(GREY).resize((8, 6), resampling))
        assert found.pixels.shape == (6, 8, channels)
        for channel in range(channels):
            np.testing.assert_array_equal(found.pixels[..., channel], expected)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_a_picture_is_not_turned(tmp_path: Path, ending: str) -> None:
    smooth = np.add.outer(np.arange(20) * 9, np.arange(10) * 5).astype(np.uint8)
    path = tmp_path / f"a.{ending}"
    Image.fromarray(smooth).save(path)
    pixels, size, _ = decode_xray(path, 20, 10, 1, SETTINGS)
    assert size == (20, 10)
    assert np.abs(pixels[..., 0].astype(int) - smooth).max() <= 4
    assert decode_xray(path, 5, 7, 3, SETTINGS).pixels.shape == (5, 7, 3)


def test_a_picture_is_upright_by_its_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif)
    pixels, size, _ = decode_xray(tmp_path / "a.png", 10, 20, 1, SETTINGS)
    assert size == (10, 20)
    np.testing.assert_array_equal(pixels[..., 0], np.rot90(GREY, -1))


def test_pictures_of_16_bits_and_with_transparency(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 257, 65_535]], dtype=np.uint16)).save(tmp_path / "a.png")
    assert decode_xray(tmp_path / "a.png", 1, 3, 1, SETTINGS).pixels.ravel().tolist() == [0, 1, 255]
    Image.fromarray(np.array([[[9, 9, 9, 255], [9, 9, 9, 0]]], np.uint8)).save(tmp_path / "b.png")
    found = decode_xray(tmp_path / "b.png", 1, 2, 3, SETTINGS).pixels
    assert found.tolist() == [[[9, 9, 9], [255, 255, 255]]]


def test_colour_is_grey_in_every_channel(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / "a.png")
    assert np.unique(decode_xray(tmp_path / "a.png", 4, 4, 3, SETTINGS).pixels).tolist() == [76]


def test_dicom_is_known_by_its_content_else_by_its_ending(tmp_path: Path) -> None:
    expected = [[[0], [255]]]
    pixels = np.array([[3, 9]], dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(content_of(dataset_of(pixels)))
    bare = content_of(dataset_of(pixels), preamble=False)
    for name in ("b.dcm", "c.DICOM"):
        (tmp_path / name).write_bytes(bare)
    for name in ("a.png", "b.dcm", "c.DICOM"):
        assert decode_xray(tmp_path / name, 1, 2, 1, SETTINGS).pixels.tolist() == expected
    (tmp_path / "d.png").write_bytes(bare)
    with pytest.raises(UnreadableImage, match="not an image that Pillow knows"):
        decode_xray(tmp_path / "d.png", 1, 2, 1, SETTINGS)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "GIF"])
def test_a_picture_is_known_by_its_content_whatever_its_name(tmp_path: Path, form: str) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png", form)
    (tmp_path / "a.png").rename(tmp_path / "b.dcm")
    Image.fromarray(GREY).save(tmp_path / "c.png", form)
    found, expected = (decode_xray(tmp_path / n, 20, 10, 1, SETTINGS) for n in ("b.dcm", "c.png"))
    assert found.original_size == (20, 10)
    np.testing.assert_array_equal(found.pixels, expected.pixels)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"no image")
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "e.dcm").write_bytes(b"")
    os.mkfifo(tmp_path / "c.dcm")
    for name, reason in (
        ("a.dcm", "^not a DICOM file$"), ("b.png", "^an empty file$"),
        ("c.dcm", "not a plain file"), ("d.dcm", "No such file"), ("e.dcm", "^an empty file$"),
    ):  # fmt: skip
        with pytest.raises(UnreadableImage, match=reason):
            decode_xray(tmp_path / name, 2, 2, 1, SETTINGS)
    assert issubclass(UnreadableXray, UnreadableImage)
    with pytest.raises(NasError, match="1 channel"):
        decode_xray(tmp_path / "a.dcm", 2, 2, 2, SETTINGS)


def test_endings() -> None:
    assert {".dcm", ".dicom", ".png", ".jpg", ".jpeg", ".tif"} <= XRAY_SUFFIXES
    assert ".csv" not in XRAY_SUFFIXES

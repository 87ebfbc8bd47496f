"""Decoding against pictures made by hand, and Pillow step by step."""

import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from nas.data.decode import (
    UnreadableImage,
    _draft,
    decode_image,
    guarded_pillow,
    image_extensions,
    upright_size,
)
from nas.data.image.preprocess import ImagePreprocess
from nas.errors import NasError

STILL = ImagePreprocess(turn_portrait=False, interpolation="nearest")
TURNING = ImagePreprocess(turn_portrait=True, interpolation="nearest")


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_pixels_of_the_same_size_are_untouched(tmp_path: Path) -> None:
    pixels = noise(5, 7)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    np.testing.assert_array_equal(decode_image(path, 5, 7, 3, STILL), pixels)


def test_a_portrait_is_turned_anticlockwise_and_a_landscape_is_not(tmp_path: Path) -> None:
    pixels = noise(7, 5)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    np.testing.assert_array_equal(decode_image(path, 5, 7, 3, TURNING), np.rot90(pixels))
    wide = saved(tmp_path / "b.png", Image.fromarray(noise(5, 7)))
    np.testing.assert_array_equal(decode_image(wide, 5, 7, 3, TURNING), noise(5, 7))


def test_a_portrait_is_squeezed_when_turning_is_off(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(noise(8, 4)))
    expected = Image.fromarray(noise(8, 4)).resize((8, 4), Image.Resampling.BILINEAR)
    still = ImagePreprocess(turn_portrait=False)
    np.testing.assert_array_equal(decode_image(path, 4, 8, 3, still), np.asarray(expected))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
def test_the_resize_is_pillows(tmp_path: Path, interpolation: str) -> None:
    image = Image.fromarray(noise(30, 40))
    path = saved(tmp_path / "a.png", image)
    preprocess = ImagePreprocess(interpolation=interpolation)
    expected = image.resize((16, 12), Image.Resampling[interpolation.upper()])
    np.testing.assert_array_equal(decode_image(path, 12, 16, 3, preprocess), np.asarray(expected))


# What each EXIF orientation asks for, as NumPy would do it (EXIF 2.3, tag 0x0112).
ORIENTATIONS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    pixels = noise(4, 6)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.png", Image.fromarray(pixels), exif=exif)
    expected = ORIENTATIONS[orientation](pixels)
    height, width = expected.shape[:2]
    np.testing.assert_array_equal(decode_image(path, height, width, 3, STILL), expected)
    with guarded_pillow():
        assert upright_size(path) == (height, width)


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    pixels = np.zeros((1, 3, 4), dtype=np.uint8)
    pixels[0, :, 3] = 0, 255, 51
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    decoded = decode_image(path, 1, 3, 3, STILL)
    assert decoded[0, :, 0].tolist() == [255, 0, 204]
    assert decode_image(path, 1, 3, 1, STILL)[0, :, 0].tolist() == [255, 0, 204]


def test_palette_with_a_transparent_colour_and_grey_with_alpha(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    path = saved(tmp_path / "a.png", palette, transparency=1)
    assert decode_image(path, 1, 2, 3, STILL).tolist() == [[[10, 20, 30], [255, 255, 255]]]
    grey = Image.fromarray(np.array([[[100, 255], [100, 0]]], dtype=np.uint8), mode=None)
    path = saved(tmp_path / "b.png", grey)
    assert decode_image(path, 1, 2, 1, STILL).ravel().tolist() == [100, 255]


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32_896, 65_535, 300]], dtype=np.uint16)
    for name in ("a.png", "a.tiff"):
        path = saved(tmp_path / name, Image.fromarray(values))
        assert decode_image(path, 1, 5, 1, STILL).ravel().tolist() == [0, 1, 128, 255, 1]
        assert decode_image(path, 1, 5, 3, STILL).shape == (1, 5, 3)


def test_pixels_without_a_known_range_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tiff", Image.fromarray(np.ones((2, 2), dtype=np.float32)))
    with pytest.raises(UnreadableImage, match="floating-point"):
        decode_image(path, 2, 2, 1, STILL)
    path = saved(tmp_path / "b.tiff", Image.fromarray(np.full((2, 2), 70_000, dtype=np.int32)))
    with pytest.raises(UnreadableImage, match="32-bit"):
        decode_image(path, 2, 2, 1, STILL)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    path = saved(tmp_path / "a.jpg", image, quality=95)
    red = decode_image(path, 8, 8, 3, STILL)[4, 4]
    assert red[0] > 245
    assert max(red[1:]) < 10


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert decode_image(path, 4, 4, 3, STILL)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode", ["1", "L", "P", "YCbCr", "HSV"])
def test_other_modes_become_grey_or_colour(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.tiff" if mode == "YCbCr" else "a.png")
    image = Image.fromarray(noise(6, 6)).convert("RGB" if mode == "HSV" else mode)
    saved(path, image)
    expected = image.convert("RGB")
    np.testing.assert_array_equal(decode_image(path, 6, 6, 3, STILL), np.asarray(expected))
    assert decode_image(path, 6, 6, 1, STILL).shape == (6, 6, 1)


def test_grey_is_pillows_luma(tmp_path: Path) -> None:
    image = Image.fromarray(noise(6, 6))
    path = saved(tmp_path / "a.png", image)
    grey = np.asarray(image.convert("L"))
    np.testing.assert_array_equal(decode_image(path, 6, 6, 1, STILL)[..., 0], grey)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_drafted_without_losing_what_stays(
    tmp_path: Path, orientation: int
) -> None:
    y, x = np.mgrid[0:800, 0:600]
    smooth = np.stack([x * 255 / 599, y * 255 / 799, (x + y) * 255 / 1398], axis=-1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(smooth.astype(np.uint8))
    path = saved(tmp_path / "a.jpg", image, quality=95, exif=exif)
    whole = Image.open(path).convert("RGB")
    if orientation == 6:
        whole = whole.transpose(Image.Transpose.ROTATE_270)
    else:
        whole = whole.transpose(Image.Transpose.ROTATE_90)
    expected = np.asarray(whole.resize((64, 48), Image.Resampling.BILINEAR)).astype(int)
    decoded = decode_image(path, 48, 64, 3, ImagePreprocess()).astype(int)
    assert np.abs(decoded - expected).max() <= 4


# File's width and height, orientation, input's height and width; the reduction that leaves at
# least twice the input on both axes, once the image is upright and turned.
@pytest.mark.parametrize(
    ("size", "orientation", "height", "width", "reduction"),
    [
        ((800, 600), 1, 48, 64, 4),
        ((1024, 768), 1, 48, 64, 8),
        ((1020, 768), 1, 48, 64, 4),
        ((600, 800), 1, 48, 64, 4),
        ((600, 800), 6, 48, 64, 4),
        ((200, 1600), 1, 48, 64, 2),
        ((1600, 200), 6, 48, 64, 2),
        ((800, 600), 1, 224, 224, 1),
        ((100, 80), 1, 48, 64, 1),
    ],
)
def test_how_far_a_jpeg_is_reduced(
    tmp_path: Path, size: tuple[int, int], orientation: int, height: int, width: int, reduction: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.jpg", Image.new("RGB", size), exif=exif)
    with Image.open(path) as image:
        _draft(image, height, width, turn_portrait=True)
        assert image.size == (size[0] // reduction, size[1] // reduction)


def jpeg() -> bytes:
    stream = BytesIO()
    Image.fromarray(noise(64, 64)).save(stream, "JPEG")
    return stream.getvalue()


def bomb(side: int) -> bytes:
    """A PNG whose header claims so many pixels a side; Pillow warns from 9,460, stops at 13,378."""
    header = b"IHDR" + side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    chunk = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\x08IDAT"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an image"),
        (b"hello", "not an image"),
        (jpeg()[:600], "."),
        (jpeg()[:-200], "truncated"),
        (bomb(10_000), "DecompressionBombWarning"),
        (bomb(20_000), "DecompressionBombError"),
    ],
    ids=["empty", "text", "header", "truncated", "bomb", "huge bomb"],
)
def test_broken_files_say_why(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match=reason):
        decode_image(path, 8, 8, 3, STILL)


@pytest.mark.parametrize("name", ["a.png", "a.eps"])
def test_no_program_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Pillow hands EPS, whatever it is called, to Ghostscript."""
    started: list[object] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args: started.append(args))
    path = tmp_path / name
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(UnreadableImage, match="not an image"):
        decode_image(path, 8, 8, 3, STILL)
    with guarded_pillow(), pytest.raises(UnreadableImage, match="not an image"):
        upright_size(path)
    assert not started
    assert ".eps" not in image_extensions()


def test_a_file_too_large_for_a_picture_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.png", "wb") as stream:
        stream.truncate((1 << 30) + 1)  # takes no place on the disk
    with pytest.raises(UnreadableImage, match="1073741825 bytes, more than the 1073741824 allowed"):
        decode_image(tmp_path / "a.png", 8, 8, 3, STILL)


def test_any_damage_is_an_unreadable_image_or_pixels(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    path = tmp_path / "a"
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"):
        stream = BytesIO()
        Image.fromarray(noise(16, 16)).save(stream, kind)
        whole = np.frombuffer(stream.getvalue(), dtype=np.uint8)
        for _ in range(40):
            content = whole[: generator.integers(1, len(whole) + 1)].copy()
            content[generator.integers(0, len(content), 4)] = generator.integers(0, 256, 4)
            path.write_bytes(content.tobytes())
            with suppress(UnreadableImage):
                assert decode_image(path, 8, 8, 3, STILL).shape == (8, 8, 3)


def test_a_missing_file_and_two_channels(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="No such file"):
        decode_image(tmp_path / "no.png", 8, 8, 3, STILL)
    path = saved(tmp_path / "a.png", Image.fromarray(noise(4, 4)))
    with pytest.raises(NasError, match="not 2"):
        decode_image(path, 8, 8, 2, STILL)

"""Decoding of image files to uint8 pixels, the same in training, evaluation and prediction."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError, features

from nas.errors import NasError

Pixels = NDArray[np.uint8]
"""Pixels of one image (H, W, C) or of many (N, H, W, C), 0 to 255."""

DECODE_VERSION = 1
"""Raised whenever the same file gives other pixels than before: old caches are then not used."""

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}
"""Pillow's filter by the name that settings give it."""
_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""


class UnreadableImage(Exception):
    """The file can't be decoded; the message says why."""


class PictureGeometry(Protocol):
    """What is done to a picture besides resizing it."""

    @property
    def interpolation(self) -> str:
        """One of `FILTERS`."""

    @property
    def turn_portrait(self) -> bool:
        """Whether pictures that are higher than wide are turned by 90 degrees."""


@dataclass(frozen=True)
class Upright:
    """A `PictureGeometry` that turns nothing."""

    interpolation: str
    turn_portrait: bool = False


class SizedPixels(NamedTuple):
    """What a file gives."""

    pixels: Pixels
    """(H, W, C), resized."""
    original_size: tuple[int, int]
    """(height, width) in the file, upright but not turned."""
    note: str = ""
    """What of the file was passed over; empty for nothing."""


PICTURE_FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000"),  # MPO is opened as JPEG
    *("PNG", "PPM", "TGA", "TIFF", "WEBP"),
)
"""Pillow's names of what is read. It knows more, one of which starts a program (Ghostscript)."""

MOST_FILE_BYTES = 1 << 30
"""Of a picture's file: uncompressed, the largest that Pillow decodes has less."""


def decode_image(
    path: Path, height: int, width: int, channels: int, geometry: PictureGeometry
) -> Pixels:
    """Pixels (H, W, C) of the first frame. Raises UnreadableImage.

    Upright by its EXIF orientation; transparency on white; 16-bit grey scaled to 8; portraits
    turned by 90 degrees (anticlockwise) if `geometry` says so; then resized, whatever the ratio.
    """
    with guarded_pillow():
        try:
            content = read_content(path)
        except OSError as error:
            raise UnreadableImage(error.strerror or str(error)) from error
        return decode_bytes(content, height, width, channels, geometry).pixels


def decode_bytes(
    content: bytes, height: int, width: int, channels: int, geometry: PictureGeometry
) -> SizedPixels:
    """As `decode_image`, from the file's content. Call it under `guarded_pillow`."""
    check_channels(channels)
    try:
        with Image.open(BytesIO(content), formats=_known_formats()) as opened:
            original_size = _upright_size(opened)
            _draft(opened, height, width, geometry.turn_portrait)
            upright = ImageOps.exif_transpose(opened)
            image = _eight_bit(upright, channels)
            if geometry.turn_portrait and image.height > image.width:
                image = image.transpose(Image.Transpose.ROTATE_90)
            image = image.resize((width, height), FILTERS[geometry.interpolation])
            pixels = np.asarray(image).reshape(height, width, channels)
            return SizedPixels(pixels, original_size)
    except UnreadableImage:
        raise
    # Broken files lead Pillow's plugins to errors of nearly every kind, struct.error among them.
    except Exception as error:
        raise UnreadableImage(_reason(error)) from error


def upright_size(path: Path) -> tuple[int, int]:
    """(height, width) after EXIF orientation, from the header alone. Raises UnreadableImage.

    Call it under `guarded_pillow`.
    """
    try:
        refuse_pipe(path)
        with Image.open(path, formats=_known_formats()) as image:
            return _upright_size(image)
    except UnreadableImage:
        raise
    except Exception as error:
        raise UnreadableImage(_reason(error)) from error


def image_extensions() -> frozenset[str]:
    """Extensions of pictures that are read, in lower case with the dot."""
    known = Image.registered_extensions()
    formats = _known_formats()
    return frozenset(extension for extension, kind in known.items() if kind in formats)


def picture_libraries() -> dict[str, str | None]:
    """Version of each library that decodes pictures; None for one that is not there."""
    names = ("pil", "jpg", "libjpeg_turbo", "zlib", "jpg_2000", "libtiff", "webp", "avif")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: features.version(name) for name in names}


def read_content(path: Path) -> bytes:
    """The file's bytes. Raises UnreadableImage for what is no plain file and for one that is too
    large for a picture, and OSError."""
    refuse_pipe(path)
    size = path.stat().st_size
    if size > MOST_FILE_BYTES:
        raise UnreadableImage(f"a file of {size} bytes, more than the {MOST_FILE_BYTES} allowed")
    return path.read_bytes()


def _known_formats() -> list[str]:
    """Those of `PICTURE_FORMATS` that this Pillow has a reader for."""
    Image.init()
    return [name for name in PICTURE_FORMATS if name in Image.OPEN]


def refuse_pipe(path: Path) -> None:
    """Raises UnreadableImage for a pipe or a device: reading one may never end."""
    if not path.is_file() and not path.is_dir() and path.exists():
        raise UnreadableImage("not a plain file")


def check_channels(channels: int) -> None:
    """Raises NasError unless images can be given so many channels."""
    if channels not in (1, 3):
        raise NasError(
            f"images have 1 channel (grey) or 3 (red, green, blue), not {channels}",
            key="input.channels",
        )


@contextmanager
def guarded_pillow() -> Iterator[None]:
    """Within it, images above `PIL.Image.MAX_IMAGE_PIXELS` are errors and Pillow's other warnings
    silent. Warning filters belong to the process: enter it around threads, not in each of them.

    It may be entered again within, in another thread too, if it is left again before the outer one
    and nothing else decodes meanwhile.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image that Pillow knows"
    if isinstance(error, MemoryError):
        return "more memory is needed than there is"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"


def _upright_size(image: Image.Image) -> tuple[int, int]:
    sideways = image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
    return (image.width, image.height) if sideways else (image.height, image.width)


def _draft(image: Image.Image, height: int, width: int, turn_portrait: bool) -> None:
    """Let JPEG decode at a half, quarter or eighth, at least twice the final size on both axes."""
    upright = _upright_size(image)
    turned = turn_portrait and upright[0] > upright[1]
    sideways = upright != (image.height, image.width)
    if turned != sideways:
        height, width = width, height
    image.draft(None, (2 * width, 2 * height))


def _eight_bit(image: Image.Image, channels: int) -> Image.Image:
    """The image in mode L or RGB."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode.startswith("I"):
        image = _from_16_bit(image)
    if image.mode == "F":
        raise UnreadableImage("floating-point pixels have no known range: save as 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image if image.mode == mode else image.convert(mode)


def _from_16_bit(image: Image.Image) -> Image.Image:
    """0 to 65,535 scaled to 0 to 255, rounded; Pillow's own conversion clips at 255."""
    values = np.asarray(image).astype(np.int32)
    if values.min() < 0 or values.max() > 65_535:
        raise UnreadableImage("32-bit pixels have no known range: save as 8 or 16 bits")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))

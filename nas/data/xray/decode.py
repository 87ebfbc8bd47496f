"""From an X-ray's file, DICOM or picture, to the uint8 pixels that training and prediction use."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from nas.data.decode import (
    DECODE_VERSION,
    FILTERS,
    SizedPixels,
    Upright,
    check_channels,
    decode_bytes,
    guarded_pillow,
    image_extensions,
    picture_libraries,
    read_content,
)
from nas.data.xray.dicom import dicom_picture, is_dicom
from nas.data.xray.preprocess import XrayPreprocess
from nas.data.xray.shades import UnreadableXray

DICOM_SUFFIXES = frozenset((".dcm", ".dicom"))
XRAY_SUFFIXES = DICOM_SUFFIXES | image_extensions()
"""Endings of the files that are taken for X-rays in a folder, in lower case."""

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF8")
"""What PNG, JPEG, TIFF and GIF begin with: they are pictures whatever their name."""

XRAY_VERSION = 3
"""Raised whenever the same file gives other pixels than before: old caches are then not used."""


def decode_xray(
    path: Path, height: int, width: int, channels: int, preprocess: XrayPreprocess
) -> SizedPixels:
    """Pixels (H, W, C), the same grey in every channel, and the file's own (height, width).

    DICOM as `dicom_picture` has it, a picture as `nas.data.decode` has it but never turned: by the
    content where it tells, else by the name. Then resized, each axis by itself. Raises
    UnreadableImage (UnreadableXray is one).
    """
    with guarded_pillow():
        try:
            return decode_guarded(path, height, width, channels, preprocess)
        except OSError as error:
            raise UnreadableXray(error.strerror or str(error)) from error


def decode_guarded(
    path: Path, height: int, width: int, channels: int, preprocess: XrayPreprocess
) -> SizedPixels:
    """As `decode_xray`, under the caller's `guarded_pillow`. Raises OSError too."""
    check_channels(channels)
    content = read_content(path)
    if not content:
        raise UnreadableXray("an empty file")
    named_dicom = path.suffix.lower() in DICOM_SUFFIXES and not content.startswith(_PICTURES)
    if is_dicom(content) or named_dicom:
        found = _resized_dicom(content, height, width, preprocess)
    else:
        found = decode_bytes(content, height, width, 1, Upright(preprocess.interpolation))
    return found._replace(pixels=np.repeat(found.pixels, channels, axis=2))


def _resized_dicom(
    content: bytes, height: int, width: int, preprocess: XrayPreprocess
) -> SizedPixels:
    """Pixels (H, W, 1)."""
    grey_HW, note = dicom_picture(content)
    resized = Image.fromarray(grey_HW).resize((width, height), FILTERS[preprocess.interpolation])
    return SizedPixels(np.asarray(resized)[..., None], (grey_HW.shape[0], grey_HW.shape[1]), note)


@dataclass(frozen=True)
class XrayMaker:
    """Makes pixels of X-rays; see `nas.data.cache`."""

    height: int
    width: int
    channels: int
    preprocess: XrayPreprocess

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def key(self) -> dict[str, object]:
        """The parts that change pixels: not the mean and std, nor what the labels are."""
        return {
            "xray": XRAY_VERSION,
            "decode": DECODE_VERSION,
            "libraries": picture_libraries(),
            "pydicom": version("pydicom"),
            "gdcm": version("python-gdcm"),
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
            "interpolation": self.preprocess.interpolation,
        }

    def __call__(self, path: Path) -> SizedPixels:
        return decode_guarded(path, *self.shape, self.preprocess)

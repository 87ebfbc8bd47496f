"""From a DICOM file to a grey picture: rescaled, windowed, dense tissue bright.

Standard: DICOM PS3.3, C.11.1 (modality LUT), C.11.2 (VOI LUT and window), as pydicom applies them.
"""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.decode import UnreadableImage

if TYPE_CHECKING:
    from pydicom import Dataset

GreyPixels = NDArray[np.uint8]
"""Pixels of one grey picture (H, W), 0 to 255."""

_PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_MOST_VALUES = 65_536
"""Values between the darkest and the brightest pixel, as 16 bits have."""
_LUMA = (299, 587, 114)
"""Thousandths of red, green and blue in grey (ITU-R 601)."""


class UnreadableXray(UnreadableImage):
    """The file can't be decoded; the message says why, in a line."""


def is_dicom(beginning: bytes) -> bool:
    """Whether a file that begins so is DICOM (PS3.10, 7.1); one without a preamble is not seen."""
    return beginning[_PREAMBLE_BYTES : _PREAMBLE_BYTES + len(_MAGIC)] == _MAGIC


def read_dicom(content: bytes) -> GreyPixels:
    """uint8 (H, W) of the first frame, at full size. Raises UnreadableXray.

    Rescaled or through its modality LUT, then through the first of its VOI LUTs, else of its
    windows; the smallest value becomes 0 and the largest 255, rounded; MONOCHROME1 is inverted.
    RGB and YBR become grey (ITU-R 601).
    A constant picture is 0. Call it under `guarded_pillow`.
    """
    try:
        return _read(_dataset(content))
    except UnreadableXray:
        raise
    # Broken files lead pydicom and its plugins to errors of nearly every kind.
    except Exception as error:
        raise UnreadableXray(_reason(error)) from error


def patient_of(path: Path) -> str | None:
    """PatientID in a DICOM file's header, pixels unread; None for any other file, or without one.

    Call it under `guarded_pillow`. Raises OSError for a file that can't be opened.
    """
    from pydicom import dcmread

    with open(path, "rb") as stream:
        if not is_dicom(stream.read(_PREAMBLE_BYTES + len(_MAGIC))):
            return None
        stream.seek(0)
        try:
            header = dcmread(stream, stop_before_pixels=True, specific_tags=["PatientID"])
            return str(header.get("PatientID") or "").strip() or None
        # As in `read_dicom`; that the file is broken is said where it is decoded.
        except Exception:
            return None


def _dataset(content: bytes) -> "Dataset":
    """The file's elements, with pixels to be decoded."""
    from pydicom import dcmread, uid

    # pydicom loads zlib before gdcm, and so must who imports gdcm: else its own takes zlib's place.
    dataset = dcmread(BytesIO(content), force=True)
    if "PixelData" not in dataset:
        raise UnreadableXray("no pixel data in whole numbers, or a file that is cut off")
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        big_or_little = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        syntax = uid.ImplicitVRLittleEndian if implicit else big_or_little
        dataset.file_meta.TransferSyntaxUID = syntax
    pixels = int(dataset.get("Rows") or 0) * int(dataset.get("Columns") or 0)
    if Image.MAX_IMAGE_PIXELS is not None and pixels > Image.MAX_IMAGE_PIXELS:
        raise UnreadableXray(f"{pixels} pixels, more than the {Image.MAX_IMAGE_PIXELS} allowed")
    return dataset


def _read(dataset: "Dataset") -> GreyPixels:
    from pydicom.pixels.utils import pixel_array

    frame = pixel_array(dataset, index=0)
    colour = frame.ndim == 3
    frame_HW = (frame @ np.array(_LUMA) + 500) // 1000 if colour else frame.astype(np.int64)
    low, high = int(frame_HW.min()), int(frame_HW.max())
    if high - low >= _MOST_VALUES:
        raise UnreadableXray(f"values from {low} to {high}: more than 16 bits hold")
    frame_HW -= low
    # What a value becomes is looked up: a radiograph has millions of pixels, but few values.
    values = np.arange(low, high + 1)
    shades = values.astype(np.float64) if colour else _shades(values, dataset)
    levels = _levels(shades, np.bincount(frame_HW.ravel()) > 0)
    return np.take(levels, frame_HW)


def _shades(values: NDArray[np.int64], dataset: "Dataset") -> NDArray[np.float64]:
    """How bright each stored value is, on no scale. Raises UnreadableXray for what is not grey."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    kind = str(dataset.PhotometricInterpretation)
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise UnreadableXray(f"{kind} pixels; allowed: MONOCHROME1, MONOCHROME2, RGB, YBR")
    shades = np.asarray(apply_voi_lut(apply_modality_lut(values, dataset), dataset), np.float64)
    if not np.isfinite(shades).all():
        raise UnreadableXray("a rescaling or a window that gives values that are no numbers")
    return -shades if kind == "MONOCHROME1" else shades


def _levels(shades: NDArray[np.float64], present: NDArray[np.bool_]) -> GreyPixels:
    """0 to 255 for each shade, the ends being those of the shades that are present."""
    dark, bright = shades[present].min(), shades[present].max()
    if dark == bright:
        return np.zeros(len(shades), dtype=np.uint8)
    levels = ((shades - dark) * 255 / (bright - dark) + 0.5).clip(0, 255)
    return np.asarray(levels, dtype=np.uint8)


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:200]

"""From a DICOM file to a grey picture: rescaled, windowed, dense tissue bright.

Standard: DICOM PS3.3, C.11.1 (modality LUT), C.11.2 (VOI LUT and window), as pydicom applies them.
"""

import struct
import zlib
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
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""What a DICOM file without a preamble begins with: group 2 or 8, in either order of bytes."""
_HEADER_BYTES = 8
"""Before the value of an element, at least."""
_CUT_OFF = "a DICOM file that is cut off"
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
    cut_off = False
    try:
        dataset = _dataset(content)
        # Said only where decoding fails: all pixels may be there.
        cut_off = _is_cut_off(dataset, content)
        return _read(dataset)
    except UnreadableXray:
        raise
    # Broken files lead pydicom and its plugins to errors of nearly every kind.
    except Exception as error:
        raise UnreadableXray(_CUT_OFF if cut_off else _reason(error, content)) from error


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
        raise UnreadableXray(_no_pixels(dataset, content))
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


def _no_pixels(dataset: "Dataset", content: bytes) -> str:
    """Why there is no pixel data."""
    if not _begins_as_dicom(content):
        return "not a DICOM file"
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        return "no pixel data in whole numbers"
    return _CUT_OFF if _is_cut_off(dataset, content) else "no pixel data"


def _begins_as_dicom(content: bytes) -> bool:
    return is_dicom(content) or content.startswith(_FIRST_GROUPS)


def _is_cut_off(dataset: "Dataset", content: bytes) -> bool:
    """Whether the file ends within an element; where it ends between two, nobody can tell."""
    from pydicom.dataelem import RawDataElement

    tags = list(dataset.keys())
    if not tags:
        return True
    last = dataset.get_item(tags[-1])
    # All bits set is an undefined length: pydicom reads to its end mark, or nothing at all.
    if not isinstance(last, RawDataElement) or last.length == 0xFFFF_FFFF:
        return False
    behind = len(content) - (last.value_tell + last.length)
    return len(last.value or b"") < last.length or 0 < behind < _HEADER_BYTES


def _reason(error: Exception, content: bytes) -> str:
    if isinstance(error, (EOFError, struct.error, zlib.error)):
        return f"{_CUT_OFF} or damaged" if _begins_as_dicom(content) else "not a DICOM file"
    words = " ".join(str(error).split())
    return words[:200] or f"can't be decoded ({type(error).__name__})"

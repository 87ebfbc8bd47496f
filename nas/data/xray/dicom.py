"""From a DICOM file to a grey picture: rescaled, windowed, dense tissue bright."""

import struct
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.xray.decoder import read_apart
from nas.data.xray.shades import Toned, UnreadableXray, tone
from nas.errors import NasError

if TYPE_CHECKING:
    from pydicom import Dataset

GreyPixels = NDArray[np.uint8]
"""Pixels of one grey picture (H, W), 0 to 255."""

_PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""What a DICOM file without a preamble begins with: group 2 or 8, in either order of bytes."""
_PICTURE_GROUP = 0x0028
_META_BYTES = 4096
"""Within which a file says how it is encoded."""
_INFLATED_AT_ONCE = 1 << 20
_HEADER_BYTES = 8
"""Before the value of an element, at least."""
_CUT_OFF = "a DICOM file that is cut off"
_MOST_VALUES = 65_536
"""Values between the darkest and the brightest pixel, as 16 bits have."""
_LUMA = (299, 587, 114)
"""Thousandths of red, green and blue in grey (ITU-R 601)."""
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""JPEG's markers that say the size (ITU-T T.81, table B.1), and JPEG-LS's (T.87)."""
_ALONE = frozenset((0x01, 0xFF, *range(0xD0, 0xDA)))
"""JPEG's markers without a length."""
_JPEG_2000 = b"\xff\x4f\xff\x51"
"""Start of a codestream and of its sizes (ITU-T T.800, A.5.1)."""
_JP2 = b"\x00\x00\x00\x0cjP  "
"""Start of a file format around one (I.5.1), which some writers leave in place."""


class DicomPicture(NamedTuple):
    """What a DICOM file shows."""

    grey_HW: GreyPixels
    note: str = ""
    """What of the file was passed over; empty for nothing."""


def is_dicom(beginning: bytes) -> bool:
    """Whether a file that begins so is DICOM (PS3.10, 7.1); one without a preamble is not seen."""
    return beginning[_PREAMBLE_BYTES : _PREAMBLE_BYTES + len(_MAGIC)] == _MAGIC


def read_dicom(content: bytes) -> GreyPixels:
    """The picture alone that `dicom_picture` gives."""
    return dicom_picture(content).grey_HW


def dicom_picture(content: bytes) -> DicomPicture:
    """uint8 (H, W) of the first frame, at full size. Raises UnreadableXray.

    Rescaled or through its modality LUT, then through the first of its VOI LUTs, else of its
    windows (see `nas.data.xray.shades`); the smallest value becomes 0 and the largest 255, rounded;
    MONOCHROME1 is inverted. Padding is 0, and no end of the range. RGB and YBR become grey (ITU-R
    601). A constant picture is 0. Compressed ones are read by a process of its own (see
    `nas.data.xray.decoder`). Call it under `guarded_pillow`.
    """
    return _picture(content, lambda dataset: _read_apart(dataset, content))


def picture_here(content: bytes) -> DicomPicture:
    """The same, in this process, which some damaged compressed files end."""
    return _picture(content, _read)


def _picture(content: bytes, read: Callable[["Dataset"], DicomPicture]) -> DicomPicture:
    cut_off = False
    try:
        dataset = _dataset(content)
        _leave_out_empty(dataset)
        # Said only where decoding fails: all pixels may be there.
        cut_off = _is_cut_off(dataset, content)
        return read(dataset)
    except (UnreadableXray, NasError):
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
            _refuse_inflated(stream)
            header = dcmread(stream, stop_before_pixels=True, specific_tags=["PatientID"])
            return str(header.get("PatientID") or "").strip() or None
        except (OSError, MemoryError):
            raise
        # As in `dicom_picture`; that the file is broken is said where it is decoded.
        except Exception:
            return None


def _dataset(content: bytes) -> "Dataset":
    """The file's elements, with pixels to be decoded."""
    from pydicom import dcmread, uid
    from pydicom.encaps import get_frame

    stream = BytesIO(content)
    _refuse_inflated(stream)
    # pydicom loads zlib before gdcm, and so must who imports gdcm: else its own takes zlib's place.
    dataset = dcmread(stream, force=True)
    if "PixelData" not in dataset:
        raise UnreadableXray(_no_pixels(dataset, content))
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        big_or_little = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        syntax = uid.ImplicitVRLittleEndian if implicit else big_or_little
        dataset.file_meta.TransferSyntaxUID = syntax
    size = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    pixels = size[0] * size[1]
    if Image.MAX_IMAGE_PIXELS is not None and pixels > Image.MAX_IMAGE_PIXELS:
        raise UnreadableXray(f"{pixels} pixels, more than the {Image.MAX_IMAGE_PIXELS} allowed")
    if _is_compressed(dataset):
        found = _claimed_size(get_frame(dataset.PixelData, 0, number_of_frames=1))
        if found is not None and found != size:
            within, said = (" x ".join(map(str, both)) for both in (found, size))
            raise UnreadableXray(f"the picture within is {within}, the file says {said}")
    return dataset


def _is_compressed(dataset: "Dataset") -> bool:
    """Whether its pixels are; a deflated file is something else."""
    syntax = dataset.file_meta.TransferSyntaxUID
    return syntax.is_transfer_syntax and bool(syntax.is_encapsulated)


def _claimed_size(frame: bytes) -> tuple[int, int] | None:
    """(height, width) of a JPEG, JPEG-LS or JPEG 2000 picture by its own header, if that says it.

    The decoders believe it before they look at the file's: a few bytes more would take all
    memory, or end the program (GDCM's JPEG-LS).
    """
    try:
        # Run lengths (RLE) may have these bytes anywhere.
        start = frame.find(_JPEG_2000) if frame.startswith((_JPEG_2000, _JP2)) else -1
        if start >= 0:
            width, height, left, top = struct.unpack_from(">4I", frame, start + 8)
            return height - top, width - left
        return _jpeg_size(frame) if frame.startswith(b"\xff\xd8") else None
    except struct.error:
        return None


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 1 < len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker in _START_OF_FRAME:
            _, height, width = struct.unpack_from(">BHH", frame, place + 4)
            return height, width
        place += 1 if marker == 0xFF else 2
        if marker not in _ALONE:
            (length,) = struct.unpack_from(">H", frame, place)
            place += length
    return None


def _leave_out_empty(dataset: "Dataset") -> None:
    """Elements of the picture that are there and empty are as good as absent (PS3.5, 7.4)."""
    from pydicom.dataelem import RawDataElement

    for tag in list(dataset.group_dataset(_PICTURE_GROUP).keys()):
        element = dataset.get_item(tag)
        empty = not element.value if isinstance(element, RawDataElement) else element.is_empty
        if empty:
            del dataset[tag]


def _refuse_inflated(stream: BinaryIO) -> None:
    """Raises UnreadableXray for a deflated file that holds more than any picture that is allowed,
    before it is inflated as a whole: a megabyte may hold a gigabyte.
    """
    from pydicom.filereader import data_element_generator
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    beginning = stream.read(_META_BYTES)
    stream.seek(0)
    if not is_dicom(beginning) or DeflatedExplicitVRLittleEndian.encode() not in beginning:
        return
    stream.seek(_PREAMBLE_BYTES + len(_MAGIC))
    # It stops before the first element of another group.
    for _ in data_element_generator(stream, False, True, lambda tag, _, __: tag.group != 2):
        pass
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    rest, held = stream.read(), 0
    most = 4 * (Image.MAX_IMAGE_PIXELS or sys.maxsize)
    while rest and not inflater.eof:
        held += len(inflater.decompress(rest, _INFLATED_AT_ONCE))
        rest = inflater.unconsumed_tail
        if held > most:
            raise UnreadableXray(f"holds more than {most} bytes once it is inflated")
    stream.seek(0)


def _read_apart(dataset: "Dataset", content: bytes) -> DicomPicture:
    if _is_compressed(dataset):
        return DicomPicture(*read_apart(content))
    return _read(dataset)


def _read(dataset: "Dataset") -> DicomPicture:
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
    if colour:
        toned = Toned(values.astype(np.float64), np.zeros(len(values), dtype=np.bool_))
    else:
        toned = tone(values, dataset)
    levels = _levels(toned, np.bincount(frame_HW.ravel()) > 0)
    return DicomPicture(np.take(levels, frame_HW), toned.note)


def _levels(toned: Toned, present: NDArray[np.bool_]) -> GreyPixels:
    """0 to 255 for each shade, the ends being those of the shades that are present and no padding;
    padding is 0."""
    shown = toned.shades[present & ~toned.padding]
    if not len(shown) or shown.min() == shown.max():
        return np.zeros(len(toned.shades), dtype=np.uint8)
    dark, bright = shown.min(), shown.max()
    levels = ((toned.shades - dark) * 255 / (bright - dark) + 0.5).clip(0, 255)
    return np.where(toned.padding, np.uint8(0), levels.astype(np.uint8))


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
